"""A real Postgres and a real Temporal server under the data folder, for machines that have neither."""
