"""The check of a real account in depth: whether what this package takes for granted of a warehouse holds there."""
