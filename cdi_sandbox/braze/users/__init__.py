"""Users: who is who, deletions, exports, subscription groups."""
