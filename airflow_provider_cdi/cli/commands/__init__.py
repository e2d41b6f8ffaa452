"""The commands of ``airflow cdi``, a file each."""
