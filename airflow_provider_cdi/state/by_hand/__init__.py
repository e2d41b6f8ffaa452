"""State that a person looks at and changes, in Airflow's metadata database."""
