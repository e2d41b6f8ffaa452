"""JSON:API: documents, filters, errors, and the members a revision knows."""
