"""What touches the world: the adapters behind the ports."""
