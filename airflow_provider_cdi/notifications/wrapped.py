"""How one of Airflow's notifiers is called with our message: what its author left open is filled with it."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from types import FrameType
from typing import Any

from airflow_provider_cdi.notifications.message import AlertMessage

#: What a notifier calls a part of a message, and what of ours belongs there. Only what its author did not give is
#: filled. Templates, not texts: a text would be rendered again, and a name in it might look like a template.
_FIELDS = {
    "subject": "subject",
    "html_content": "html",
    "text": "slack",
    "title": "subject",
    "message": "text",
    "dedup_key": "dedup_key",
    "action": "action",
    "custom_details": "text",
}
_SMTP = "airflow.providers.smtp."


def contact_of(notifier: Any) -> str:
    """Return a name for whom a notifier tells: the same in each process, and nobody's address.

    :param notifier: as its author made it.
    """
    fields = {name: getattr(notifier, name, None) for name in getattr(notifier, "template_fields", ())}
    kind = f"{type(notifier).__module__}.{type(notifier).__qualname__}"
    told = json.dumps([kind, fields], sort_keys=True, default=lambda value: type(value).__qualname__)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def send(notifier: Any, message: AlertMessage, context: Mapping[str, Any], *, patience: float) -> None:
    """Call a notifier with a message, which its templates find as ``cdi_message``.

    :param notifier: as its author made it; it is not changed.
    :param message: what to say.
    :param context: of the callback.
    :param patience: seconds after which it is given up.
    :raises TimeoutError: then.
    """
    filled, fields = copy.copy(notifier), notifier.template_fields
    seen = {**context, **{name: getattr(notifier, name) for name in fields}, "cdi_message": message}
    arguments = inspect.signature(type(notifier).__init__).parameters
    for name, part in _FIELDS.items():
        is_open = name in arguments and getattr(notifier, name, None) == arguments[name].default
        if is_open and name in fields:
            setattr(filled, name, f"{{{{ cdi_message.{part} }}}}")
    if any(kind.__module__.startswith(_SMTP) for kind in type(notifier).__mro__):
        filled.smtp_conn_id = filled.render_template(filled.smtp_conn_id, seen)
        _add_text(filled.hook, message.text)
    with _bounded(patience):
        # What calling the notifier itself does, but for its errors: Airflow 3.0 only logs them.
        filled.render_template_fields(seen)
        filled.notify(seen)


def _add_text(hook: Any, text: str) -> None:
    """Let a mail have a part of plain text beside its HTML: Airflow's notifier has a field for HTML alone."""
    build = hook._build_mime_message

    def with_text(*args: Any, **kwargs: Any) -> Any:
        mail, recipients = build(*args, **kwargs)
        parts = mail.get_payload()
        both = MIMEMultipart("alternative", _subparts=[MIMEText(text, "plain", "utf-8"), parts[0]])
        mail.set_payload([both, *parts[1:]])
        return mail, recipients

    hook._build_mime_message = with_text


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Give up what takes too long. In a thread there is no way to; Airflow calls callbacks in the main one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"The notifier did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
