"""How batches reach the destination: lanes, pace, requests in flight."""
