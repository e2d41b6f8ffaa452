"""``airflow cdi state``: from the words of a command line to a record, shown or changed."""
