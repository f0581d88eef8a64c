"""Checks that decide whether work is good enough; opinions come after them."""
