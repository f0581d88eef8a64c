"""Channels against real receivers on loopback."""
