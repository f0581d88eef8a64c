"""The embedded stack: a real Postgres, a real Temporal and the host, kept running by one supervisor per data folder."""
