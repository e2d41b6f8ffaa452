"""The connections of one source: opened where they are used, in UTC, closed whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.engine.clean_up import closing
from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, Interrupted, Unforeseen, raise_alone
from airflow_provider_cdi.hooks.sql.dialects import Dialect
from airflow_provider_cdi.hooks.sql.driver_logs import quiet_driver
from airflow_provider_cdi.hooks.sql.errors import as_cdi_error, is_driver_error, is_of_a_library
from airflow_provider_cdi.hooks.ssh.route import Route

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

#: Time that a driver has to stop a query, in seconds; Airflow kills a task that was told to end after 5.
LONGEST_STOP = 1.0
#: How to see why no connection was made: no history of queries has it.
_BY_HAND = "open a connection with the same fields by hand to see it"
_SECRET_KEY_PARTS = ("password", "passwd", "token", "secret", "key")


class SqlSession:
    """Opens connections of one Airflow connection, from any thread, without asking Airflow again.

    :param hook: a ``DbApiHook``, or what opens connections in its place; pinned to the connection.
    :param connection: its Airflow connection.
    :param dialect: what a new connection needs.
    :param tag: the name that the database's own history shows for what is asked here.
    :param route: the way to the database, None for the straight one.
    """

    def __init__(
        self, hook: Any, connection: Connection, dialect: Dialect, tag: str = "", route: Route | None = None
    ) -> None:
        self._hook = hook
        self._route = route or Route(connection)
        self.conn_id: str = connection.conn_id
        self.dialect = dialect
        self._tag = tag
        #: Settings that the Airflow connection makes itself.
        self.settings = frozenset(_setting_names(connection.extra_dejson))
        self._secrets = tuple(_secrets(connection))
        self._running: set[Any] = set()
        # Reentrant: on_kill cancels from a signal handler, which may run while this very thread holds it.
        self._lock = RLock()
        self._cancelled = False

    @property
    def placeholder(self) -> str:
        """How the driver marks a bound value, ``?`` or ``%s``."""
        return str(self._hook.placeholder)

    @contextmanager
    def connected(self, doing: str) -> Iterator[Any]:
        """Open a connection for the body, and close it.

        :param doing: what the body does, on what, for messages (``reading the table users``).
        :raises SourceError: when the driver refuses what the body does and a person must mend it.
        :raises RetryLater: when a new try may succeed.
        :raises Interrupted: when :meth:`cancel` ended it.
        :raises ConfigurationError: when the hook cannot make a connection of what it was given.
        :raises Unforeseen: for everything else, without its text.
        """
        try:
            with self.dialect.around(), self._route.opened(), closing(self._opened(doing)) as connection:
                self._enter(connection)
                try:
                    self.check_not_cancelled(doing)
                    self._prepare(connection)
                    yield connection
                finally:
                    self._leave(connection)
        except CdiError:
            raise
        except Exception as error:
            # Not chained: the full text of a driver, or of a parser of values, may hold rows.
            raise_alone(self._translated(error, doing))

    def check_not_cancelled(self, doing: str) -> None:
        """Raise when :meth:`cancel` was called.

        :raises Interrupted: then.
        """
        if self._cancelled:
            raise self._interrupted(doing)

    def cancel(self) -> None:
        """Stop whatever the connections are doing, from any thread, as far as their drivers can.

        Some drivers ask the network for it, so it is done in a thread that is waited for only a moment: the caller may
        be a signal handler in the main thread, which has progress to save. The session is of no use afterwards.
        """
        self._cancelled = True
        stopper = Thread(target=self._stop_all, name="cdi-cancel", daemon=True)
        stopper.start()
        stopper.join(LONGEST_STOP)

    def _stop_all(self) -> None:
        with self._lock:
            for connection in self._running:
                self._stop(connection)

    def _stop(self, connection: Any) -> None:
        try:
            self.dialect.reader.stop(connection)
        except Exception as error:  # the run ends without it: the reading thread is left behind
            log.warning("The running query of connection %r could not be stopped: %s", self.conn_id, type(error))

    def _opened(self, doing: str) -> Any:
        try:
            connection = self._hook.get_conn()
        except CdiError:
            raise
        except Exception as error:
            if self._is_the_drivers(error):
                raise_alone(self._translated(error, doing, history=_BY_HAND))
            told = ConfigurationError(
                f"The connection {self.conn_id!r} cannot be opened: check its fields and its extra. "
                f"{type(self._hook).__name__} raised {type(error).__name__}."
            )
            raise_alone(told.with_traceback(error.__traceback__))
        quiet_driver(connection)
        return connection

    def _prepare(self, connection: Any) -> None:
        if self.dialect.prepare is not None:
            self.dialect.prepare(connection)
        tagging = self.dialect.tagging(self._tag)
        for statement in (*self.dialect.session, *([tagging] if tagging else [])):
            self.dialect.reader.execute(connection, statement)

    def _enter(self, connection: Any) -> None:
        with self._lock:
            self._running.add(connection)

    def _leave(self, connection: Any) -> None:
        with self._lock:
            self._running.discard(connection)

    def _translated(self, error: BaseException, doing: str, history: str | None = None) -> CdiError:
        if self._cancelled:
            return self._interrupted(doing)
        if (trouble := self._route.trouble) is not None:
            return type(trouble)(f"{_sentence(doing)} through the connection {self.conn_id!r} failed. {trouble}")
        if not (self._is_the_drivers(error) or is_of_a_library(error)):
            return Unforeseen(error, f"{_sentence(doing)} through the connection {self.conn_id!r}")
        return as_cdi_error(
            error,
            doing=doing,
            conn_id=self.conn_id,
            secrets=self._secrets,
            diagnose=self.dialect.diagnose,
            history=history or self.dialect.history,
        )

    def _is_the_drivers(self, error: BaseException) -> bool:
        return is_driver_error(error, self.dialect.errors)

    def _interrupted(self, doing: str) -> Interrupted:
        return Interrupted(f"{_sentence(doing)} through the connection {self.conn_id!r} was stopped.")


def _sentence(doing: str) -> str:
    return f"{doing[:1].upper()}{doing[1:]}"


def _setting_names(extra: dict[str, Any]) -> Iterator[str]:
    yield from extra
    nested = extra.get("settings")
    if isinstance(nested, dict):
        yield from nested


def _secrets(connection: Connection) -> Iterator[str]:
    if connection.password:
        yield connection.password
    for name, value in connection.extra_dejson.items():
        if value and isinstance(value, str) and any(part in name.lower() for part in _SECRET_KEY_PARTS):
            yield value
