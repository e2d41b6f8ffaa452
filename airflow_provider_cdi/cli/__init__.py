"""``airflow cdi …``: thin faces over what the operators use, one file a command.

The definition of the commands is in :mod:`airflow_provider_cdi.cli.definition`; what a command does is imported when it
runs, because every ``airflow`` command, whichever it is, loads the definition.
"""
