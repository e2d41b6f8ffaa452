"""Keeps drivers from logging statements, and values of rows.

At DEBUG they log every statement and every error of the server; at ERROR Snowflake's connector logs the value that it
could not convert. So DEBUG is left to those who ask for it by the logger's name, and of every line only the words at
its beginning are logged, before anything is put into it.
"""

from __future__ import annotations

import logging
import re

#: Plain words, up to the first number, quote, colon, address or placeholder.
_WORDS = re.compile(r"(?:[A-Za-z][A-Za-z_-]*[.,]?(?:\s+|$|(?=[:'\"(<\[{])))*")
#: These are no driver's.
_NOT_DRIVERS = frozenset({"airflow", "airflow_provider_cdi", "builtins"})


class _FixedWords(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = fixed_words(record), ()
        # A traceback ends with the text of the error. The error itself goes on to whoever reads the rows.
        record.exc_info = record.exc_text = record.stack_info = None
        return True


_FILTER = _FixedWords()


def quiet_driver(connection: object) -> None:
    """Keep the driver that a connection belongs to from logging what it is asked and told, from now on.

    :param connection: what the driver returned.
    """
    package = type(connection).__module__.partition(".")[0]
    if package not in _NOT_DRIVERS:
        quiet(package)


def quiet(*packages: str) -> None:
    """Keep all loggers of some packages from logging statements and values, from now on.

    :param packages: names of loggers; all below them are meant too, as far as they are there.
    """
    for package in packages:
        top = logging.getLogger(package)
        if top.level == logging.NOTSET:
            top.setLevel(logging.INFO)
        known = list(logging.root.manager.loggerDict)
        for name in (package, *(name for name in known if name.startswith(f"{package}."))):
            # A filter that is there already is not added again.
            logging.getLogger(name).addFilter(_FILTER)


def fixed_words(record: logging.LogRecord) -> str:
    """Return the words of a line that are the same whatever it is about.

    :param record: the line: a template, a text that is put together already, or an error.
    """
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    words = _WORDS.match(record.msg)
    fixed = words[0].rstrip() if words else ""
    return fixed if fixed == record.msg.rstrip() else f"{fixed} …".lstrip()
