"""What the notifiers of syncs share: whom they tell, once each, and that nothing they do harms the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.sdk import BaseNotifier

from airflow_provider_cdi.notifications.message import AlertMessage

_ADDRESS = re.compile(r"[^\s<>'\"(]+@[^\s<>'\")]+")


class SyncNotifier(BaseNotifier):
    """Tells a change of a sync's state through other notifiers of Airflow. Not used directly.

    :param notifier: one of Airflow's notifiers, or several. What it leaves open of subject and text is filled; its
        templates may use ``cdi_message``, an :class:`~airflow_provider_cdi.notifications.message.AlertMessage`.
    :param patience: seconds after which a notifier is given up.
    """

    def __init__(self, notifier: Any, *, patience: float = 60.0) -> None:
        super().__init__()
        self.notifiers: Sequence[Any] = notifier if isinstance(notifier, list | tuple) else [notifier]
        self.patience = patience

    def notify(self, context: Any) -> None:
        """Tell each contact what it does not know yet. It never raises: how the run ended is settled.

        :param context: of the callback.
        """
        try:
            self.tell(context)
        except Exception as error:
            self.log.warning("What became of the sync could not be told. %s", said(error))

    def tell(self, context: Mapping[str, Any]) -> None:
        """Tell each contact what it does not know yet.

        :param context: of the callback.
        """
        raise NotImplementedError

    def each_contact(self, needs: Callable[[str], bool]) -> list[tuple[Any, str]]:
        """Return the notifiers whose contact needs to hear, with the contact's name.

        :param needs: says of a contact whether it does.
        """
        from airflow_provider_cdi.notifications.wrapped import contact_of

        named = {contact_of(one): one for one in self.notifiers}
        return [(one, contact) for contact, one in named.items() if needs(contact)]

    def deliver(self, notifier: Any, message: AlertMessage, context: Mapping[str, Any]) -> bool:
        """Send a message through one notifier, and say whether that went well; if not, the log has why.

        :param notifier: of the contact.
        :param message: what to say.
        :param context: of the callback.
        """
        from airflow_provider_cdi.notifications.wrapped import send

        name = type(notifier).__name__
        try:
            send(notifier, message, context, patience=self.patience)
        except Exception as error:
            self.log.warning(
                "%s did not tell %r, so the next run tries again. Check its connection and arguments. %s",
                name,
                message.subject,
                said(error),
            )
            return False
        self.log.info("%s told: %s", name, message.subject)
        return True


def said(error: BaseException) -> str:
    """Return what an error says, in one line and without anybody's address."""
    return f"{type(error).__name__}: {_ADDRESS.sub('<address>', ' '.join(str(error).split()))[:300]}"
