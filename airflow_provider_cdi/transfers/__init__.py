"""The operators: a table's changed rows on their way to a destination, one run at a time."""
