"""The host process that runs workflows and activities, and the embedded stack under it."""
