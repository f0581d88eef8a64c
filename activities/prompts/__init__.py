"""What models are told, as Markdown files: the part that is always the same comes first, so that caches hit."""
