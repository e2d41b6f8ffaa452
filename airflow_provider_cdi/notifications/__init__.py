"""Whom a change of a sync's state is told, over any notifier of Airflow. Cheap to import."""
