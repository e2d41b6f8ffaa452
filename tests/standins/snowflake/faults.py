"""Snowflake's own words for what goes wrong; the numbers are what the client shows and decides by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SnowflakeError(Exception):
    """A failure that the client is told about.

    :param code: Snowflake's number, six digits.
    :param message: its text.
    :param state: SQLSTATE.
    """

    code: str
    message: str
    state: str = ""


def wrong_password() -> SnowflakeError:
    """The login or its password is wrong."""
    return SnowflakeError("390100", "Incorrect username or password was specified.", "08004")


def wrong_key(session: str) -> SnowflakeError:
    """The key pair's token does not fit the user."""
    return SnowflakeError("390144", f"JWT token is invalid. [{session}]", "08004")


def unknown_role(name: str) -> SnowflakeError:
    """The login asks for a role that it has not."""
    message = (
        f"Role '{name}' specified in the connect string does not exist or not authorized. Contact your local system "
        "administrator, or attempt to login with another role, e.g. PUBLIC."
    )
    return SnowflakeError("390189", message, "08004")


def unknown_object(name: str) -> SnowflakeError:
    """It is not there, or the role may not see it: Snowflake does not say which."""
    message = f"SQL compilation error:\nObject '{name}' does not exist or not authorized."
    return SnowflakeError("002003", message, "42S02")


def unknown_column(name: str) -> SnowflakeError:
    """No table of the statement has the column."""
    message = f"SQL compilation error: error line 1 at position 7\ninvalid identifier '{name}'"
    return SnowflakeError("000904", message, "42000")


def bad_syntax(message: str) -> SnowflakeError:
    """The statement cannot be parsed."""
    return SnowflakeError("001003", f"SQL compilation error:\n{message}", "42000")


def bad_value(message: str) -> SnowflakeError:
    """A value does not fit a type."""
    return SnowflakeError("100035", message, "22007")


def no_warehouse() -> SnowflakeError:
    """Nothing computes for this session."""
    message = (
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' "
        "command.\n"
    )
    return SnowflakeError("000606", message, "57P03")


def quota_used_up(warehouse: str) -> SnowflakeError:
    """The resource monitor lets the warehouse compute no more."""
    message = f"Warehouse '{warehouse}' cannot be resumed because resource monitor 'MONTHLY' has exceeded its quota."
    return SnowflakeError("090073", message, "22000")


def no_database(command: str) -> SnowflakeError:
    """A name of fewer than three parts, and nothing to complete it."""
    message = (
        f"Cannot perform {command}. This session does not have a current database. Call 'USE DATABASE', or use a "
        "qualified name."
    )
    return SnowflakeError("090105", message, "22000")


def cancelled() -> SnowflakeError:
    """Somebody cancelled the statement."""
    return SnowflakeError("000604", "SQL execution canceled", "57014")
