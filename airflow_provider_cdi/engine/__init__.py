"""The sync itself: slice, rows, lanes, batches, outcomes, watermark and report.

Nothing in here knows Airflow, an HTTP library or a SQL driver; time, sleep and randomness are passed in.
"""
