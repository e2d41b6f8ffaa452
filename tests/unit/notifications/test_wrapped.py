"""Airflow's own notifiers, as they are, with our message in what their author left open."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

import pytest
from airflow.sdk import DAG, BaseNotifier
from support.waiting import BOUND

from airflow_provider_cdi.notifications.message import AlertMessage
from airflow_provider_cdi.notifications.wrapped import contact_of, send

MESSAGE = AlertMessage(
    "Sync <s> failed", "Check {{ 6 * 7 }} & go on.", "<s>", dedup_key="cdi-sync:<s>", severity="error"
)


class Recorded(BaseNotifier):
    """Has the fields of several of Airflow's notifiers, and keeps what it was to send."""

    template_fields = ("subject", "text", "dedup_key", "action", "to")
    sent: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, to="x", subject=None, text="default", dedup_key=None, action="trigger", error=None) -> None:
        super().__init__()
        self.to, self.subject, self.text, self.dedup_key, self.action = to, subject, text, dedup_key, action
        self.error = error

    def notify(self, context: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append({name: getattr(self, name) for name in self.template_fields})


def told(notifier, message=MESSAGE):
    Recorded.sent.clear()
    send(notifier, message, {"dag": DAG("d")}, patience=BOUND)
    return Recorded.sent[0]


def test_what_is_open_is_filled_and_never_rendered_twice():
    sent = told(Recorded())
    assert sent["subject"] == "Sync <s> failed"
    assert "Check {{ 6 * 7 }} &amp; go on." in sent["text"]
    assert (sent["dedup_key"], sent["action"]) == ("cdi-sync:<s>", "trigger")


def test_what_the_author_gave_stays_and_may_use_the_message():
    sent = told(Recorded(subject="{{ cdi_message.severity }} of {{ dag.dag_id }}", text="mine"))
    assert (sent["subject"], sent["text"]) == ("error of d", "mine")


def test_a_pager_resolves_what_is_over():
    assert told(Recorded(), AlertMessage("h", "", "s", is_over=True))["action"] == "resolve"


def test_the_notifier_itself_stays_as_it_was_for_the_next_message():
    notifier = Recorded(subject="{{ cdi_message.subject }}")
    before = contact_of(notifier)
    told(notifier)
    assert notifier.subject == "{{ cdi_message.subject }}"
    assert contact_of(notifier) == before


def test_an_error_of_the_notifier_comes_through_in_every_version_of_airflow():
    with pytest.raises(OSError, match="no way"):
        told(Recorded(error=OSError("no way")))


def test_a_notifier_that_hangs_is_given_up():
    class Hanging(Recorded):
        def notify(self, context: Any) -> None:
            time.sleep(60)  # noqa: TID251  # hangs

    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        send(Hanging(), MESSAGE, {"dag": DAG("d")}, patience=0.01)


def test_a_notifier_that_takes_every_error_for_the_networks_is_given_up_too():
    class Stubborn(Recorded):
        def notify(self, context: Any) -> None:
            for _ in range(2):
                try:
                    time.sleep(60)  # noqa: TID251
                except Exception:
                    continue

    with pytest.raises(TimeoutError):
        send(Stubborn(), MESSAGE, {"dag": DAG("d")}, patience=0.01)


def test_the_timer_of_an_execution_timeout_goes_on_behind_a_notifier():
    def out_of_time(number: int, frame: Any) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, out_of_time)
    try:
        signal.setitimer(signal.ITIMER_REAL, 60)
        told(Recorded())
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0]
        assert 0 < left <= 60
        assert signal.getsignal(signal.SIGALRM) is out_of_time
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_contacts_are_told_apart_by_what_their_notifier_says_and_nobody_reads_an_address_in_it():
    names = [contact_of(Recorded(to=to)) for to in ("a@example.com", "b@example.com", "a@example.com")]
    assert names[0] == names[2] != names[1]
    assert "@" not in names[0]


def test_contacts_are_told_apart_by_fields_that_are_no_templates():
    class Pager(BaseNotifier):
        def __init__(self, key, after=None):
            super().__init__()
            self.key, self.after, self.made = key, after, object()

        @cached_property
        def hook(self):
            return f"a line to {id(self)}"

    used = Pager("a")
    assert used.hook
    names = [contact_of(one) for one in (used, Pager("a"), Pager("b"), Pager("a", timedelta(hours=1)))]
    assert names[0] == names[1]
    assert len(set(names)) == 3
