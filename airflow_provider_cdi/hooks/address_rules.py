"""What may stand in a field of a connection's extra that is an address, or becomes one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.addresses import has_more_than_host, is_loopback, split_address

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


AddressRule = Address | HostPart | PerhapsUrl
