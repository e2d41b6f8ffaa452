"""Users: attributes, events, purchases, deletes."""
