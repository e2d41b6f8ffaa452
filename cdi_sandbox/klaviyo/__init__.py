"""A local Klaviyo, on the port of the local Braze: the same paths, bodies, limits, jobs and silences."""
