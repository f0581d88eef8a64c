"""The botted command."""
