"""The files of rejected rows."""
