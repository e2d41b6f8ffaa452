"""Consent: who agreed to what, kept apart from the other data of a profile. The effects of the bulk jobs."""

from __future__ import annotations

from collections.abc import Mapping

from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.json_api.documents import write_time
from cdi_sandbox.klaviyo.profiles.profiles import Profile
from cdi_sandbox.times import read_moment

#: Channel -> purposes. ``click_tracking`` is there since the revision 2026-10-15.
PURPOSES: Mapping[str, tuple[str, ...]] = {
    "email": ("marketing", "open_tracking", "click_tracking"),
    "sms": ("marketing", "transactional"),
    "whatsapp": ("marketing", "transactional", "conversational"),
    "push": ("marketing",),
}
#: Purposes that one can only leave.
ONLY_LEFT = ("conversational",)
#: Purposes whose consent has no moment of its own.
TRACKING = ("open_tracking", "click_tracking")
USER_SUPPRESSED, UNSUBSCRIBE, SPAM = "USER_SUPPRESSED", "UNSUBSCRIBE", "SPAM_COMPLAINT"
#: Klaviyo: what a new subscription takes away, and what it leaves (hard bounces, invalid addresses).
_TAKEN_BY_SUBSCRIBING = (UNSUBSCRIBE, SPAM, USER_SUPPRESSED)


def subscribe(account: Account, content: Json, now: float) -> None:
    """Apply a subscription job that was accepted."""
    audience = account.lists.get(content["list"]) if content["list"] else None
    must_confirm = account.settings.double_opt_in if audience is None else audience.opt_in == "double_opt_in"
    for thing in content["profiles"]:
        profile = _named_by(account, thing, now)
        if profile is None:
            continue  # an id that leads nowhere
        if must_confirm and not content["historical"]:
            account.confirmation_mails += 1
            continue
        for name, choice in _choices(thing["attributes"]["subscriptions"]):
            at = read_moment(choice.get("consented_at")) or now
            _set(profile, name, "SUBSCRIBED", at, content["source"])
        profile.suppressions = {
            reason: at for reason, at in profile.suppressions.items() if reason not in _TAKEN_BY_SUBSCRIBING
        }
        if audience is not None:
            account.add_to_list(audience, profile)
        account.profiles.touch(profile, now)


def unsubscribe(account: Account, content: Json, now: float) -> None:
    """Apply an unsubscription job.

    With a list, its members only leave it; who is not on it is unsubscribed from everything (Klaviyo says so).
    """
    audience = account.lists.get(content["list"]) if content["list"] else None
    for thing in content["profiles"]:
        profile = _named_by(account, thing, now)
        if profile is None:
            continue  # an id that leads nowhere
        if audience is not None and profile.number in audience.members:
            account.remove_from_list(audience, profile)
            continue
        for name, _ in _choices(thing["attributes"]["subscriptions"]):
            _set(profile, name, "UNSUBSCRIBED", now, "")
            if name == "email.marketing":
                profile.suppressions = {**profile.suppressions, UNSUBSCRIBE: now}
        account.profiles.touch(profile, now)


def suppress(account: Account, email: str, now: float) -> bool:
    """Suppress an e-mail address; False when it was suppressed by hand before."""
    profile = _named_by(account, {"attributes": {"email": email}}, now)
    if profile is None or USER_SUPPRESSED in profile.suppressions:
        return False
    profile.suppressions = {**profile.suppressions, USER_SUPPRESSED: now}
    account.profiles.touch(profile, now)
    return True


def unsuppress(account: Account, email: str, now: float) -> bool:
    """Take back a suppression by hand; False when there was none. Other reasons stay."""
    profile = account.profiles.by("email", email)
    if profile is None or USER_SUPPRESSED not in profile.suppressions:
        return False
    profile.suppressions = {reason: at for reason, at in profile.suppressions.items() if reason != USER_SUPPRESSED}
    account.profiles.touch(profile, now)
    return True


def shown_consent(profile: Profile) -> Json:
    """Show consent as ``additional-fields[profile]=subscriptions`` does."""
    suppressions = [{"reason": reason, "timestamp": write_time(at)} for reason, at in profile.suppressions.items()]
    shown: dict[str, Json] = {}
    for channel, purposes in PURPOSES.items():
        shown["mobile_push" if channel == "push" else channel] = {
            purpose: _shown(profile, channel, purpose)
            for purpose in purposes
            if purpose == "marketing" or f"{channel}.{purpose}" in profile.consent
        }
    shown["email"]["marketing"] |= {"suppression": suppressions, "list_suppressions": []}
    return shown


def _shown(profile: Profile, channel: str, purpose: str) -> dict[str, Json]:
    is_plain = channel == "whatsapp" or purpose in TRACKING
    is_push = channel == "push"
    held = profile.consent.get(f"{channel}.{purpose}", {})
    state = held.get("consent", "NEVER_SUBSCRIBED")
    is_blocked = channel == "email" and bool(profile.suppressions)
    # Klaviyo: e-mail may be received unless somebody said no, everything else only after a yes.
    may = not is_blocked and (state == "SUBSCRIBED" or (channel == "email" and state != "UNSUBSCRIBED"))
    method = {"metadata": {}} if is_plain else {"method": held.get("method"), "method_detail": held.get("source", "")}
    return {
        "can_receive" if is_plain else f"can_receive_{channel}_{purpose}": may,
        "consent": state,
        "consent_timestamp": write_time(held.get("at")),
        # Klaviyo's SDK 25.0.0: of push there is no more than that.
        **({} if is_push else {"last_updated": write_time(held.get("at")), **method}),
    }


def _set(profile: Profile, name: str, state: str, at: float, source: str) -> None:
    held = {"consent": state, "at": at, "method": "API", "source": source}
    profile.consent = {**profile.consent, name: held}


def _choices(subscriptions: Mapping[str, Json]) -> list[tuple[str, Mapping[str, Json]]]:
    return [
        (f"{channel}.{purpose}", choice)
        for channel, purposes in subscriptions.items()
        for purpose, choice in purposes.items()
        if purpose in PURPOSES[channel]
    ]


def _named_by(account: Account, thing: Mapping[str, Json], now: float) -> Profile | None:
    """Find the profile of a consent, or make it. It takes the contacts that nobody else has."""
    profiles, attributes = account.profiles, thing["attributes"]
    contacts = [key for key in ("email", "phone_number") if attributes.get(key)]
    profile = profiles.by_id(thing.get("id"))
    profile = profile or next((found for key in contacts if (found := profiles.by(key, attributes[key]))), None)
    if profile is None and contacts:
        profile = profiles.create(now)
    if profile is not None:
        for key in contacts:
            if getattr(profile, key) is None and profiles.by(key, attributes[key]) is None:
                profiles.identify(profile, key, attributes[key])
    return profile
