"""Attributes, events and purchases of users."""
