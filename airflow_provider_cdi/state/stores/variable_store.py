"""State in Airflow Variables, for versions that have no state stores (before 3.3): a choice, because it has limits.

Variables are global: everybody who may see Variables sees and changes them, and nothing removes them with their DAG.
An environment variable or a secrets backend on a worker hides them; then what is written is never read again, so every
value is read back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_cdi import version_compat
from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.state.airflow_calls import outlasting
from airflow_provider_cdi.state.store import Instance, SharedStore, json_object

#: Airflow: a Variable's key has 250 characters at most. The rest is for the prefix and the digest.
_NAME_LENGTH = 200
#: Airflow puts the key into the path of a request as it is, and into the name of an environment variable.
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


class VariableStore(SharedStore):
    """Keeps values in the Variables of one sync.

    :param sync_id: the sync's stable name.
    """

    def __init__(self, sync_id: str) -> None:
        self._sync_id = sync_id

    def name(self, key: str) -> str:
        """Return the Variable's key: ``cdi_state__<sync_id>``, with a digest where the name has to be changed.

        :param key: what is kept, for example ``cdi_state``.
        """
        fit = _UNFIT.sub("_", self._sync_id)[:_NAME_LENGTH]
        if fit != self._sync_id:
            fit += "-" + hashlib.sha256(self._sync_id.encode()).hexdigest()[:16]
        return f"{key}__{fit}"

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value, None when there is none.

        :raises ConfigurationError: when a person wrote something that is not JSON.
        """
        return outlasting(self._read)(key)

    def set(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a value and make sure that it will be found.

        :raises ConfigurationError: when something on the worker hides it.
        :raises RetryLater: when Airflow did not write it.
        """
        outlasting(self._write)(key, value)

    def delete(self, key: str, of: Instance) -> None:
        """Forget the value, whoever wrote it.

        The Variable stays: before 3.3 Airflow logs an error when one is asked for that does not exist.
        """
        outlasting(self._write)(key, None)

    def by_hand(self, key: str) -> str:
        """Name the Variable."""
        return f"in the Variable {self.name(key)!r}"

    def _read(self, key: str) -> dict[str, Any] | None:
        name = self.name(key)
        kept = self._kept(name)
        try:
            return json_object(json.loads(kept)) if kept else None
        except ValueError as error:
            raise ConfigurationError(
                f"The Variable {name!r} holds no JSON, so the state of sync {self._sync_id!r} cannot be "
                "read. Mend it, or delete it to go on with the copy in the XComs of earlier runs."
            ) from error

    def _kept(self, name: str) -> str | None:
        from airflow.sdk import Variable

        # Since 3.1 Airflow takes a Variable for missing that its API server, being away, did not give.
        found: str | None = Variable.get(name, default=None) or version_compat.stored_variable(name)
        return found

    def _write(self, key: str, value: Mapping[str, Any] | None) -> None:
        from airflow.sdk import Variable

        name, text = self.name(key), json.dumps(value)
        Variable.set(name, text, description=f"State of the sync {self._sync_id}"[:250])
        # Before 3.3 Airflow only logs when it could not write, and always when something on the worker hides it.
        if self._read(key) == value:
            return
        if version_compat.stored_variable(name) != text:
            raise RetryLater(
                f"Airflow did not write the Variable {name!r}, so the state of sync {self._sync_id!r} would be lost; "
                "the task's log tells why. What was acknowledged since the last save is sent again by the next try."
            )
        raise ConfigurationError(
            f"The Variable {name!r} was written and another value is read back, so the state of sync "
            f"{self._sync_id!r} would be lost. Remove the environment variable AIRFLOW_VAR_{name.upper()} or the entry "
            "of that name in the secrets backend of the workers."
        )
