"""What stops a run before its first request that changes anything: too many rows, deletes, data points or profiles."""
