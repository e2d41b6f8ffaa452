"""A check of one warehouse connection against the real account behind it; ``docs/live-check.md`` says how to use it."""
