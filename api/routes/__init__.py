"""The HTTP routes: what each needs, what it answers."""
