"""Rows of any driver as Arrow, and the types of their columns."""
