"""Subscriptions, suppressions, privacy deletions."""
