"""Postgres and the artifact folder: everything of ours that outlives a process."""
