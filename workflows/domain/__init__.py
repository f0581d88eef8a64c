"""Frozen models and pure rules; imports nothing of ours."""
