"""What accepted requests that merge or delete a profile do later."""

from __future__ import annotations

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account


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
