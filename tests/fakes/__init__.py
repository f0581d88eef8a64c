"""Stand-ins for unit tests; no feature's acceptance rests on them."""
