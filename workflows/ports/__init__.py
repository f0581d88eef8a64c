"""What workflows ask of the world: one file per role, each a request, a response and an ABC of activities."""
