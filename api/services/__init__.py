"""What the HTTP service and the commands do alike: one place for each thing that a person can ask for."""
