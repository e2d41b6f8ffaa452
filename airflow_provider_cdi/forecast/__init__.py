"""Forecasts: the figures of a whole slice, as its run would have them. Everything is read and encoded, nothing sent."""
