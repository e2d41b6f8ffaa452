"""The whole set-up of one sync on one warehouse, as a script: table, login, least rights, and the Airflow side."""
