"""What accepted requests do to an account, by the kind of their change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent import effects as consent
from cdi_sandbox.klaviyo.events.effects import apply_events
from cdi_sandbox.klaviyo.profiles import effects as profiles

EFFECTS: Mapping[str, Callable[[Account, Json], None]] = {
    "klaviyo.events": lambda account, content: apply_events(account, content, account.now()),
    "klaviyo.subscribe": lambda account, content: consent.subscribe(account, content, account.now()),
    "klaviyo.unsubscribe": lambda account, content: consent.unsubscribe(account, content, account.now()),
    "klaviyo.merge": profiles.apply_merge,
    "klaviyo.delete": profiles.apply_delete,
}
#: What comes by the million: the mode that only counts does not apply it.
COUNTED = frozenset({"klaviyo.events", "klaviyo.subscribe", "klaviyo.unsubscribe"})
