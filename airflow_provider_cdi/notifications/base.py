"""What the notifiers of syncs share: whom they tell, once each, and that nothing they do harms the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.notifications.message import AlertMessage

# A DAG file imports this module: what is needed to tell something is imported when there is something to tell.
if TYPE_CHECKING:
    from airflow_provider_cdi.notifications.memory import AlertMemory

#: What is said to who gives a notifier to a DAG.
OF_A_TASK = (
    "{name} tells of a task and is given as a callback of the DAG, which does not say which of its syncs did what. "
    "Give it to the task, or to all tasks of the DAG by default_args={{'on_failure_callback': …}}."
)
_ADDRESS = re.compile(r"[^\s<>'\"(]+@[^\s<>'\")]+")


class SyncNotifier(BaseNotifier):
    """Tells a change of a sync's state through other notifiers of Airflow. Not used directly.

    :param notifier: one of Airflow's notifiers, or several. What it leaves open of subject and text is filled; its
        templates may use ``cdi_message``, an :class:`~airflow_provider_cdi.notifications.message.AlertMessage`.
    :param patience: seconds after which a notifier is given up.
    :raises ConfigurationError: for what is no notifier.
    """

    #: Asked by the operators, which refuse it as a callback of the DAG.
    is_of_tasks = True

    def __init__(self, notifier: Any, *, patience: float = 60.0) -> None:
        super().__init__()
        self.notifiers: Sequence[Any] = notifier if isinstance(notifier, list | tuple) else [notifier]
        self.patience = patience
        for one in self.notifiers:
            if not isinstance(one, BaseNotifier) or isinstance(one, SyncNotifier):
                raise ConfigurationError(
                    f"{type(self).__name__} tells through {one!r}, which is none of Airflow's notifiers. Give one, "
                    "such as SmtpNotifier(to=…), or a subclass of airflow.sdk.BaseNotifier of your own."
                )
        if not patience > 0:
            raise ConfigurationError(f"patience={patience!r} is no time to wait: give seconds, more than 0.")

    def notify(self, context: Any) -> None:
        """Tell each contact what it does not know yet. It raises for no trouble: how the run ended is settled.

        :param context: of the callback.
        :raises ConfigurationError: in a callback of a DAG, which does not say which of its syncs did what.
        """
        if context.get("ti") is None or context.get("reason"):
            raise ConfigurationError(OF_A_TASK.format(name=type(self).__name__))
        try:
            self.tell(context)
        except Exception as error:
            self.log.warning("What became of the sync could not be told. %s", said(error))

    def tell(self, context: Mapping[str, Any]) -> None:
        """Tell each contact what it does not know yet.

        :param context: of the callback.
        """
        raise NotImplementedError

    def remember(self, sync_id: str) -> AlertMemory:
        """Read what was told of a sync. Where that is impossible, nothing was: to hear twice is better than never.

        :param sync_id: of the sync.
        """
        from airflow_provider_cdi.notifications.memory import AlertMemory

        try:
            return AlertMemory.of(sync_id)
        except Exception as error:
            self.log.warning("What was told of %s cannot be read, so it may be told again. %s", sync_id, said(error))
            return AlertMemory(None, sync_id)

    def keep(self, memory: AlertMemory) -> bool:
        """Keep what was told, and say whether that went well; if not, the log has why.

        :param memory: of the sync.
        """
        try:
            memory.save()
        except Exception as error:
            self.log.warning("What was told cannot be kept, so the next run may tell it again. %s", said(error))
            return False
        return True

    def each_contact(self, needs: Callable[[str], bool], **choice: Any) -> list[tuple[Any, str]]:
        """Return the notifiers whose contact needs to hear, with the contact's name.

        :param needs: says of a contact whether it does.
        :param choice: what the contacts want to hear, where they may want several things.
        """
        from airflow_provider_cdi.notifications.wrapped import contact_of

        named = {contact_of(one, **choice): one for one in self.notifiers}
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
