"""Settings, logging and the Temporal connection; imports nothing of ours."""
