"""The destination's half of a check: the way to it, the key and what it may do, what must exist there."""
