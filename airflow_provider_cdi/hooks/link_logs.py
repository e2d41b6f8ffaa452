"""Keeps vendors' clients from logging links by which whoever has them can read a part of a result."""

from __future__ import annotations

import logging
import re

_SIGNATURE = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")


class _Signatures(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # A traceback ends with the link once more. The error itself goes on to whoever reads the rows.
        record.exc_info = None
        text = record.getMessage()
        hidden = _SIGNATURE.sub("?***", text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True


_FILTER = _Signatures()


def hide_signatures(*loggers: str) -> None:
    """Log the links that these loggers write without their signatures from now on.

    :param loggers: names of loggers that write links.
    """
    for name in loggers:
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(_FILTER)
