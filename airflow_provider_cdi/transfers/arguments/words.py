"""The words for yes and no that forms, ``conf`` and templates may use: a closed list, because a guess could send."""

from __future__ import annotations

from airflow_provider_cdi.exceptions import ConfigurationError

_YES = ("true", "yes", "on", "1", "y", "t")
_NO = ("false", "no", "off", "0", "n", "f")
#: For messages.
YES_NO = "true/false, yes/no, on/off, 1/0, y/n, t/f"


def is_yes_or_no(value: object) -> bool:
    """Whether a value means yes or no."""
    return isinstance(value, bool) or (isinstance(value, (str, int)) and _word(value) in _YES + _NO)


def yes_or_no(value: object, name: str) -> bool:
    """Return what a value means.

    :param name: of the choice, for the message.
    :raises ConfigurationError: when it is no word of the list.
    """
    if not is_yes_or_no(value):
        raise ConfigurationError(f"{name} is {value!r}; use True, False, or one of {YES_NO}.")
    return value if isinstance(value, bool) else _word(value) in _YES


def _word(value: object) -> str:
    return str(value).strip().lower()
