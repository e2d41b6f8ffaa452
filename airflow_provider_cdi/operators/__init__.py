"""The operators around a sync: what is done with it beside sending its rows."""
