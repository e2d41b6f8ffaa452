"""Profiles and their imports."""
