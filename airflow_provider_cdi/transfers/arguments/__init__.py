"""The operators' arguments and their rules."""
