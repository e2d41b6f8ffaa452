"""Taking syncs over from Braze's own Cloud Data Ingestion."""
