"""What accepted requests do to an account, by the kind of their change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent import effects as consent
from cdi_sandbox.klaviyo.events.effects import apply_events


def apply_merge(account: Account, content: Json) -> None:
    """Merge two profiles, if both still exist."""
    gone, kept = (account.profiles.by_id(content[name]) for name in ("gone", "kept"))
    if gone is not None and kept is not None and gone is not kept:
        account.merge(gone, kept)


def apply_delete(account: Account, content: Json) -> None:
    """Delete a profile and its events, if it exists."""
    ((key, value),) = content.items()
    profile = account.profiles.by(key, value)
    if profile is not None:
        account.forget(profile)


EFFECTS: Mapping[str, Callable[[Account, Json], None]] = {
    "klaviyo.events": lambda account, content: apply_events(account, content, account.now()),
    "klaviyo.subscribe": lambda account, content: consent.subscribe(account, content, account.now()),
    "klaviyo.unsubscribe": lambda account, content: consent.unsubscribe(account, content, account.now()),
    "klaviyo.merge": apply_merge,
    "klaviyo.delete": apply_delete,
}
#: What comes by the million: the mode that only counts does not apply it.
COUNTED = frozenset({"klaviyo.events", "klaviyo.subscribe", "klaviyo.unsubscribe"})
