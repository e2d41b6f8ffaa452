"""Rejected rows again: which rejects, which rows they are now, and what became of them."""
