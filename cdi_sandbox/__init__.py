"""A local Braze and a local Klaviyo: they validate, keep, answer and fail as the real ones do.

They share no code with the rest of the package.
"""
