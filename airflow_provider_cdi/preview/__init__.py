"""Previews: the first rows of a slice as the next run would send them, and what of them a person may see."""
