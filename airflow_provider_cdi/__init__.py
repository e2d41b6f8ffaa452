"""Changed rows of a data warehouse reach Braze or Klaviyo, every row accounted for: an Apache Airflow provider."""

__version__ = "0.1.0"
