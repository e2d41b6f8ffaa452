"""Keeps the connector from logging links by which whoever has them can read a part of the result."""

from __future__ import annotations

import logging
import re

#: They write a chunk's link, signature included, when it cannot be fetched at once.
_LINKS = (
    "snowflake.connector.result_batch",
    "snowflake.connector.network",
    "snowflake.connector.vendored.urllib3.connectionpool",
)
_SIGNATURE = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")


class _Signatures(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # The traceback ends with the link once more. The error itself goes on to whoever reads the rows.
        record.exc_info = None
        text = record.getMessage()
        hidden = _SIGNATURE.sub("?***", text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True


_FILTER = _Signatures()


def keep_logs_clean() -> None:
    """Log no signatures of links from now on."""
    for name in _LINKS:
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(_FILTER)
