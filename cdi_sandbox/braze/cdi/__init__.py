"""Braze's own CDI."""
