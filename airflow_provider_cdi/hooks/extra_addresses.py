"""The addresses in the extra of a warehouse's connection, checked before any hook or driver looks at them.

A driver that is given half an address tries it for minutes, sends a secret to another host than the one that was meant,
or quotes it with the password in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import has_more_than_host, is_loopback, split_address

if TYPE_CHECKING:
    from airflow.sdk import Connection

_WEB = frozenset({"http", "https"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """What may stand in a field that is a host or a URL.

    :param example: what a right one looks like.
    :param schemes: what may stand before ``://``.
    :param is_url: it has a scheme, and may have a path; else it is a host with or without a port.
    :param has_login: a login may stand in it, as in a proxy's address.
    :param takes_secrets: a password or a token is sent there, so that it must have TLS unless it is this machine.
    """

    example: str
    schemes: frozenset[str] = _WEB
    is_url: bool = False
    has_login: bool = False
    takes_secrets: bool = False

    def check(self, value: Any, field: str) -> None:
        """Refuse what cannot be such an address.

        :param field: where it stands, for messages; they show nothing of the value.
        :raises ConfigurationError: then.
        """
        if not isinstance(value, str):
            raise ConfigurationError(f"{field} must be a text like {self.example}")
        text = value.strip()
        if self.is_url and "://" not in text:
            raise ConfigurationError(f"{field} must be a URL: give it like {self.example}")
        address = split_address(text, field, self.example)
        if address.scheme and address.scheme not in self.schemes:
            raise ConfigurationError(f"{field} begins with another scheme: give it like {self.example}")
        if not self.has_login and (address.username or address.password):
            raise ConfigurationError(f"{field} carries a login, which would be shown: give it like {self.example}")
        if not self.is_url and has_more_than_host(address):
            raise ConfigurationError(f"{field}: give host and port alone, like {self.example}, without a path")
        if self.takes_secrets and address.scheme == "http" and not is_loopback(address.hostname or ""):
            raise ConfigurationError(f"{field} would get a secret in plain text: use https://, like {self.example}")


@dataclass(frozen=True, slots=True)
class HostPart:
    """A field that becomes a part of a host's name.

    :param example: what a right one looks like.
    """

    example: str

    def check(self, value: Any, field: str) -> None:
        """Refuse what would lead to another host.

        :param field: where it stands, for messages; they show nothing of the value.
        :raises ConfigurationError: then.
        """
        if not isinstance(value, str) or not _NAME.fullmatch(value.strip()):
            raise ConfigurationError(
                f"{field} becomes a part of the host's name: letters, digits, dots, dashes and underscores, like "
                f"{self.example}"
            )


@dataclass(frozen=True, slots=True)
class PerhapsUrl:
    """A field that is a word or a URL.

    :param url: what the URL must be.
    """

    url: Address

    def check(self, value: Any, field: str) -> None:
        """Check a URL, and leave a word alone.

        :param field: where it stands, for messages; they show nothing of the value.
        :raises ConfigurationError: when it is no possible URL.
        """
        if isinstance(value, str) and "://" in value:
            self.url.check(value, field)


def check_addresses(connection: Connection) -> None:
    """Refuse a connection with a field in its extra that should be an address and can be none.

    :raises ConfigurationError: then; it names the field, and shows nothing of its value.
    """
    rules = ADDRESSES.get(connection.conn_type or "", {})
    for name, value in _fields(connection.extra_dejson):
        rule = rules.get(_bare(name))
        if rule is not None and value not in (None, ""):
            rule.check(value, f"Connection {connection.conn_id!r}: field {name!r} in extra")


def _bare(name: str) -> str:
    """Take off what Airflow's forms used to write before a field's name: ``extra__<type>__``."""
    return name.rpartition("__")[2] if name.startswith("extra__") else name


def _fields(extra: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from extra.items()
    for name, value in extra.items():
        if _bare(name) in _GOOGLES_KEYS:
            yield from ((f"{_bare(name)}.{member}", part) for member, part in _members(value).items())
    for holder in ("settings", "config"):  # of DuckDB
        nested = extra.get(holder)
        if isinstance(nested, dict):
            yield from nested.items()
    proxies = extra.get("proxies")  # of Databricks: {"https": "http://proxy.example.com:3128"}
    if isinstance(proxies, dict):
        yield from (("proxies", proxy) for proxy in proxies.values())


def _members(value: Any) -> dict[str, Any]:
    """Read a key that is an object, or the text of one; whatever else it is, is for the hook to refuse."""
    try:
        members = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


#: Fields of Google's connections that hold the content of a key's file, in which addresses stand too.
_GOOGLES_KEYS = frozenset({"keyfile_dict", "credential_config_file"})
_TOKENS = Address("https://oauth2.googleapis.com/token", is_url=True, takes_secrets=True)
_PROXY = Address("http://user:password@proxy.example.com:3128", has_login=True)
_BIGQUERY: Mapping[str, Address | HostPart | PerhapsUrl] = {
    "storage_endpoint": Address("bigquerystorage-name.p.googleapis.com:443"),
    "idp_issuer_url": Address("https://idp.example.com/oauth/token", is_url=True, takes_secrets=True),
    "keyfile_dict.token_uri": _TOKENS,
    "credential_config_file.token_url": _TOKENS,
    "credential_config_file.service_account_impersonation_url": _TOKENS,
}

#: Connection type -> field of the extra -> what it may be.
ADDRESSES: Mapping[str, Mapping[str, Address | HostPart | PerhapsUrl]] = {
    "snowflake": {
        "account": HostPart("myorg-account123"),
        "region": HostPart("eu-central-1"),
        "host": Address("xy12345.eu-central-1.snowflakecomputing.com"),
        # The connector puts http:// before it and takes the login from fields of their own.
        "proxy_host": Address("proxy.example.com", schemes=frozenset({"http"})),
        "token_endpoint": Address("https://idp.example.com/oauth2/token", is_url=True, takes_secrets=True),
        "authenticator": PerhapsUrl(Address("https://name.okta.com", is_url=True, takes_secrets=True)),
    },
    "databricks": {
        "host": Address("dbc-a1b2345c-d6e7.cloud.databricks.com"),
        "azure_ad_endpoint": Address("https://login.microsoftonline.us", is_url=True, takes_secrets=True),
        "http_proxy": _PROXY,
        "https_proxy": _PROXY,
        "_proxy_host": _PROXY,
        "proxies": PerhapsUrl(_PROXY),
    },
    "redshift": {
        "endpoint_url": Address("https://redshift.eu-central-1.amazonaws.com", is_url=True),
        "idp_host": Address("name.okta.com"),
        "login_url": Address("https://idp.example.com/saml2/redshift", is_url=True, takes_secrets=True),
        "issuer_url": Address("https://identity.example.com/start", is_url=True, takes_secrets=True),
        "token_endpoint": Address("https://idp.example.com/oauth2/token", is_url=True, takes_secrets=True),
    },
    "gcpbigquery": _BIGQUERY,
    "google_cloud_platform": _BIGQUERY,
    "duckdb": {"s3_endpoint": Address("s3.example.com:9000"), "http_proxy": Address("proxy.example.com:3128")},
}
