"""A connection form as data: what all services share, and how older versions of Airflow are given it.

Airflow 3.2 and later read it from the provider info, older versions ask the hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from airflow_provider_cdi.hooks.http.settings import DEFAULT_CONNECT_TIMEOUT, DEFAULT_TIMEOUT

#: What is kept in the extra of every connection. Every field may be left empty.
HTTP_FIELDS: Mapping[str, dict[str, Any]] = {
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
    "requests_per_second": {
        "label": "Requests per second",
        "description": "Requests that each task over this connection may send in a second, evenly spread.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
    },
    "rate_share": {
        "label": "Share of the rate limit",
        "description": (
            "Part of the rate limit, above 0 and up to 1, that is used by each task over this connection; the rest is "
            "left to your other traffic."
        ),
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
    },
}


@dataclass(frozen=True, slots=True)
class HttpForm:
    """The connection form of one service.

    :param relabeling: standard field -> its name here.
    :param placeholders: standard field -> what its empty box shows.
    :param extra_fields: what is kept in the connection's extra, as the provider info describes it.
    """

    relabeling: Mapping[str, str]
    placeholders: Mapping[str, str]
    extra_fields: Mapping[str, dict[str, Any]]

    def behaviour(self, dash: str = "_") -> dict[str, Any]:
        """Return hidden fields, labels and placeholders.

        :param dash: what joins two words in a key: ``-`` for the provider info, ``_`` for a hook.
        """
        return {
            f"hidden{dash}fields": ["schema", "login"],
            "relabeling": dict(self.relabeling),
            # The port is shown, not hidden: Airflow 3.3.1 and 3.3.2 answer 400 to "Test" for a connection without one.
            "placeholders": {**self.placeholders, "port": "443 (the test button needs it)"},
        }

    def widgets(self) -> dict[str, Any]:
        """Build the extra fields as form widgets for Airflow older than 3.2.

        :raises ImportError: where wtforms or Flask AppBuilder are not installed; Airflow expects it then.
        """
        # By name: these libraries come with old versions of Airflow only, and a type checker misses them.
        wtforms = import_module("wtforms")
        optional, any_of = (getattr(import_module("wtforms.validators"), name) for name in ("Optional", "any_of"))
        text_widget = import_module("flask_appbuilder.fieldwidgets").BS3TextFieldWidget
        lazy_gettext = import_module("flask_babel").lazy_gettext
        # These versions know no field for a number that is not whole; as a text it is read all the same.
        kinds = {"integer": wtforms.IntegerField, "number": wtforms.StringField, "string": wtforms.StringField}
        return {
            name: kinds[spec["schema"]["type"][0]](
                lazy_gettext(spec["label"]),
                validators=[optional(), *([any_of(spec["schema"]["enum"])] if "enum" in spec["schema"] else [])],
                widget=text_widget(),
                description=spec["description"],
            )
            for name, spec in self.extra_fields.items()
        }
