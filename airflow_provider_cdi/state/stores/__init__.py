"""The stores that a sync can keep its state in, a file each, and the one place that chooses."""
