"""Items of catalogs."""
