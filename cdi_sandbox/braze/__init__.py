"""A local Braze."""
