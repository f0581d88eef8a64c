"""Tools that a step can call."""
