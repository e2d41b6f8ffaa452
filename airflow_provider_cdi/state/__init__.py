"""What a sync remembers, and where."""
