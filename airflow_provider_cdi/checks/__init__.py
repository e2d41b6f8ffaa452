"""The check of a sync before it sends anything: network, log-in, table, privileges, key, catalog, step by step."""
