"""What Airflow calls hooks: warehouses as sources of rows, and the connections of the services that get them."""
