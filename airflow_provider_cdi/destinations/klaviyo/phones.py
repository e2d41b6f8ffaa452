"""Phone numbers in the form that Klaviyo wants: E.164, such as ``+4915112345678``."""

from __future__ import annotations

import re

from airflow_provider_cdi.exceptions import ConfigurationError

#: E.164: a plus and 2 to 15 digits, the first of which is no zero.
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)


class Phones:
    """Reads phone numbers.

    :param default_region: the country of numbers that are written without a country code, such as ``DE``. With it,
        numbers of any common form are brought into E.164 and must be able to exist. Without it they must be in
        E.164 already, and Klaviyo says which of them cannot exist.
    :param drops_bad: whether a row goes without a number that is bad, and is rejected only if nothing else says whose
        it is.
    :raises ConfigurationError: for a region that ``phonenumbers`` does not know.
    """

    def __init__(self, default_region: str | None = None, *, drops_bad: bool = False) -> None:
        self._region = default_region
        self.drops_bad = drops_bad
        if default_region is not None:
            import phonenumbers

            if default_region not in phonenumbers.SUPPORTED_REGIONS:
                raise ConfigurationError(
                    f"default_region is {default_region!r}; give a country as two letters of ISO 3166, such as DE."
                )

    @property
    def pattern(self) -> str | None:
        """What a number that is taken as it stands looks like; None where each one needs a closer look."""
        return _E164.pattern if self._region is None else None

    def e164(self, text: str) -> str | None:
        """Give a number in E.164; None when it is no number, or none that can exist."""
        if self._region is None:
            return text if _E164.fullmatch(text) else None
        import phonenumbers

        try:
            number = phonenumbers.parse(text, self._region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
