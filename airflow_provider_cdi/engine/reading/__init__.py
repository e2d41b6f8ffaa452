"""Which rows a run reads, and how they come."""
