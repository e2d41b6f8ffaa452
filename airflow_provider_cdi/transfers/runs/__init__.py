"""One run: its choices, plan, windows, ends."""
