"""What waits in Airflow's triggerer while a task gives its worker back."""
