"""What the APIs of all vendors share: calls and replies, endpoints, faults, windows of rate limits, pages, the log."""
