"""A service of one's own as a destination: batches of rows as JSON, and errors by the row's place."""
