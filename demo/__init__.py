"""The demo: a sample warehouse, a local Braze, the example DAGs in a real Airflow. Not part of the package."""
