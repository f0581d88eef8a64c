"""What happens next: deterministic Temporal workflows, their domain and their ports."""
