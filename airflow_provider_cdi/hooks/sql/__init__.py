"""Any database that Airflow reaches by DB API."""
