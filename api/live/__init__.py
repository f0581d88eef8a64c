"""Live events: from the journal to any number of streams."""
