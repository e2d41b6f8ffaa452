"""The connection to a service of one's own: ``from airflow_provider_cdi.hooks.webhook.hook import WebhookHook``."""
