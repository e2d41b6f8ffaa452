"""How one of Airflow's notifiers is called with our message: what its author left open is filled with it."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from enum import Enum
from functools import cached_property
from pathlib import PurePath
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
#: Seconds; no timer is set with zero.
_AT_ONCE = 0.001
_WITH_STABLE_TEXTS = (timedelta, date, Enum, PurePath)


def contact_of(notifier: Any, **choice: Any) -> str:
    """Return a name for whom a notifier tells: the same in each process, and nobody's address or key.

    All that its author gave counts, not its templates alone: two pagers may differ by their key, two notifiers of
    one's own by a field that is no template.

    :param notifier: as its author made it.
    :param choice: what the contact wants to hear, where one contact may want several things.
    """
    kind = type(notifier)
    given = sorted(
        (name, value)
        for name, value in vars(notifier).items()
        if name != "context" and not name.startswith("_") and not isinstance(getattr(kind, name, None), cached_property)
    )
    told = json.dumps([f"{kind.__module__}.{kind.__qualname__}", given, choice], skipkeys=True, default=_plain)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Return what stands for a value that JSON does not know: never its address in memory."""
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value) if isinstance(value, _WITH_STABLE_TEXTS) else type(value).__qualname__


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


class _GivenUp(BaseException):
    """What ends a notifier that takes too long: no client takes it for an error of the network and tries again."""


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Give up what takes too long. In a thread there is no way to; Airflow calls callbacks in the main one.

    The watch's own task may have an ``execution_timeout``, which is the same timer: it goes on behind this one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise _GivenUp

    began, before = time.monotonic(), signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, give_up)
    left, every = signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, left or seconds))
    try:
        yield
    except _GivenUp:
        raise TimeoutError(f"The notifier did not end within {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), _AT_ONCE), every)
