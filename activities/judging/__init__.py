"""Verifiers with a model: what they see, what they say, and whether that holds."""
