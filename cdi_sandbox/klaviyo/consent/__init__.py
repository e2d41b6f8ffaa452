"""Consent and lists."""
