"""What the engine speaks of: rows, records, outcomes, positions, totals."""
