"""The layer of language models, against a fake provider that is a real server."""
