"""A worker with a model: what it is told each turn, what its calls do, and when it is stopped."""
