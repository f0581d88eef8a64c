"""Plans: what a planner is told, what it proposes, and what becomes of it."""
