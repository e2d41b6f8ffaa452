"""Local servers that the warehouses' real clients talk to, each in a process of its own."""
