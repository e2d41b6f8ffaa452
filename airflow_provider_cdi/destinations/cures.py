"""What a code of a reject means and what to do about it, whichever destination it came from."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.destinations.braze.responses.codes import CODES as BRAZE_CODES
from airflow_provider_cdi.destinations.http.responses import CODES as HTTP_CODES
from airflow_provider_cdi.destinations.klaviyo.responses.codes import CODES, NOTICE_CODES
from airflow_provider_cdi.destinations.klaviyo.responses.consent_codes import CONSENT_CODES
from airflow_provider_cdi.destinations.reject_codes import KIT_CODES, Code

#: What the engine finds out by itself, whatever the destination is.
UNKNOWN_CODES: Mapping[str, Code] = {
    "no_answer": Code(
        "The answer to the row's request never came, and `on_unknown` is `reject`: the row may have been applied.",
        "Look whether it arrived; send it again where a repeat does no harm.",
    ),
    "unattributed": Code(
        "The answer accepted the request and had an error besides that names no row: the row may have been applied.",
        "Look whether it arrived; send it again where a repeat does no harm.",
    ),
}
_TABLES: Mapping[str, Mapping[str, Code]] = {
    "braze": {**BRAZE_CODES, **UNKNOWN_CODES},
    "klaviyo": {**CODES, **NOTICE_CODES, **CONSENT_CODES, **UNKNOWN_CODES},
    "http": {**HTTP_CODES, **UNKNOWN_CODES},
}
#: Words of the service itself, such as ``http_unknown_plan``.
_OF_A_SERVICE = "http_"
_FOREIGN = Code("No table of this version has the code.", "Read the sentence in the reason; docs/rejects.md has all.")


def code_of(name: str, vendor: str = "") -> Code:
    """Return what a code of a reject means and what to do about it.

    :param name: such as ``payload_not_json``.
    :param vendor: ``braze``, ``klaviyo`` or ``http``, which word some codes differently; empty when it is not known.
    :return: for a code that no table has, words that say so: a reject may be older or newer than this version, or of a
        destination of one's own.
    """
    for table in ([_TABLES[vendor]] if vendor in _TABLES else [*_TABLES.values()]) + [KIT_CODES]:
        if name in table:
            return table[name]
    return HTTP_CODES["http_rejected"] if name.startswith(_OF_A_SERVICE) else _FOREIGN


def cure_of(name: str, vendor: str = "") -> str:
    """Return what to do about a code, in a sentence.

    :param name: see :func:`code_of`.
    :param vendor: see :func:`code_of`.
    """
    return code_of(name, vendor).cure
