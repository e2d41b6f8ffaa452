"""The connection form of Braze as data.

Airflow 3.2 and later read it from the provider info, older versions ask the hook.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from airflow_provider_cdi.hooks.http_settings import DEFAULT_CONNECT_TIMEOUT, DEFAULT_TIMEOUT

#: What is kept in the connection's extra. Every field may be left empty.
EXTRA_FIELDS: dict[str, dict[str, Any]] = {
    "timeout": {
        "label": "Time-out (s)",
        "description": f"Seconds to wait for a whole answer. Empty: {DEFAULT_TIMEOUT:g}.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "connect_timeout": {
        "label": "Connect time-out (s)",
        "description": (
            f"Seconds to make a connection: name, TCP, proxy and TLS together. Empty: {DEFAULT_CONNECT_TIMEOUT:g}."
        ),
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "ca_bundle": {
        "label": "CA bundle",
        "description": (
            "Path on the workers of a PEM file with the certificate authorities to trust. "
            "Empty: REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, else the public ones."
        ),
        "schema": {"type": ["string", "null"]},
    },
    "proxy": {
        "label": "Proxy",
        "description": "URL of an HTTP proxy. Empty: HTTPS_PROXY and NO_PROXY of the workers.",
        "schema": {"type": ["string", "null"]},
    },
}

HIDDEN_FIELDS = ["schema", "login"]
RELABELING = {"host": "Instance or REST host", "password": "REST API key"}
PLACEHOLDERS = {
    "host": "US-01, EU-01, ... or rest.iad-01.braze.com",
    "password": "Braze: Settings > APIs and Identifiers > API Keys",
    # Shown, not hidden: Airflow 3.3.1 and 3.3.2 answer 400 to "Test" for a connection without a port.
    "port": "443",
}


def form_widgets() -> dict[str, Any]:
    """Build the extra fields as form widgets for Airflow older than 3.2.

    :raises ImportError: where wtforms or Flask AppBuilder are not installed; Airflow expects it then.
    """
    # By name: these libraries come with old versions of Airflow only, and a type checker misses them.
    wtforms = import_module("wtforms")
    optional = import_module("wtforms.validators").Optional
    text_widget = import_module("flask_appbuilder.fieldwidgets").BS3TextFieldWidget
    lazy_gettext = import_module("flask_babel").lazy_gettext
    kinds = {"integer": wtforms.IntegerField, "string": wtforms.StringField}
    return {
        name: kinds[spec["schema"]["type"][0]](
            lazy_gettext(spec["label"]),
            validators=[optional()],
            widget=text_widget(),
            description=spec["description"],
        )
        for name, spec in EXTRA_FIELDS.items()
    }
