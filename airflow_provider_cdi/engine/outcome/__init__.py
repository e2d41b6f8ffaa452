"""What became of each row: ledger, checkpoints, the gate of the first rows."""
