"""What the commands of ``airflow cdi rejects`` do."""
