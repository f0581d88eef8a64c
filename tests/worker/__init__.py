"""Tests of the host process and of the embedded stack under it."""
