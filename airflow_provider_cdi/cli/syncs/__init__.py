"""Syncs as a shell finds them: in DAG files, and in the words of a command line."""
