"""Whether a row may subscribe somebody: what Klaviyo holds against when the row's consent was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_cdi.destinations.json_bodies import member
from airflow_provider_cdi.destinations.klaviyo.consent.channels import Channel
from airflow_provider_cdi.destinations.klaviyo.consent.records import Consent
from airflow_provider_cdi.destinations.klaviyo.responses.profile_questions import Profile
from airflow_provider_cdi.destinations.klaviyo.timestamps import read_moment
from airflow_provider_cdi.exceptions import DestinationRefused

#: Why a row is passed over: the person decided otherwise since, or nobody knows when,
NEWER, UNDATED = "consent_is_newer", "consent_undated"
#: or Klaviyo has just this consent.
HELD = "already_subscribed"

#: Klaviyo: suppressions for technical reasons. No person decided on them, and a subscription does not lift them.
_TECHNICAL = frozenset({"HARD_BOUNCE", "INVALID_EMAIL"})
#: The suppressions that an unsubscription from e-mail marketing leaves behind.
_OF_UNSUBSCRIBING = frozenset({"UNSUBSCRIBE", "SPAM_COMPLAINT"})

_HIDDEN = (
    "Klaviyo showed a profile without its consent, which additional-fields[profile]=subscriptions asks for, so nobody "
    "can tell what that person allows. Check the revision in the connection's extra, and that the key has the scopes "
    "profiles:read and subscriptions:read."
)

_Object = Mapping[str, Any]


def objection(consent: Consent, profiles: Sequence[Profile], list_id: str | None) -> str | None:
    """Say why a row must not subscribe, or need not.

    The rule: who ever said no is subscribed only by a consent that is younger than that no; of equal age, the no
    counts. Klaviyo keeps whole seconds, so whole seconds are compared.

    :param consent: what the row says.
    :param profiles: all that Klaviyo has found for the row's identifiers.
    :param list_id: the list that the row would put the person on.
    :return: the reason for which it is passed over; None when it may be sent.
    :raises DestinationRefused: when Klaviyo did not tell.
    """
    shown = [_subscriptions(profile) for profile in profiles]
    found = [
        _of_channel(channel, moment, held, list_id) for held in shown for channel, moment in consent.moments.items()
    ]
    for reason in (NEWER, UNDATED):
        if reason in found:
            return reason
    # On a list, somebody who is subscribed already is still to be put.
    return HELD if found and list_id is None and all(reason == HELD for reason in found) else None


def _of_channel(channel: Channel, moment: int, held: _Object, list_id: str | None) -> str | None:
    state = member(member(held, channel.shown_as), channel.purpose)
    denials = list(_denials(state, member(member(held, channel.shown_as), "marketing"), channel, list_id))
    if any(at is not None and moment <= at for at in denials):
        return NEWER
    if None in denials:
        return UNDATED
    since = _latest(state.get("consent_timestamp"), state.get("last_updated"))
    is_held = state.get("consent") == "SUBSCRIBED" and not denials
    return HELD if is_held and since is not None and moment <= since else None


def _denials(state: _Object, marketing: _Object, channel: Channel, list_id: str | None) -> Iterator[int | None]:
    """Give the moment of each no that stands against a subscription, None where it has no date."""
    suppressions = _suppressions(marketing, list_id) if channel.medium == "email" else []
    for suppression in suppressions:
        yield read_moment(suppression.get("timestamp"))
    if state.get("consent") not in (None, "SUBSCRIBED", "NEVER_SUBSCRIBED"):
        since = _latest(state.get("consent_timestamp"), state.get("last_updated"))
        left = channel.purpose == "marketing" and any(each.get("reason") in _OF_UNSUBSCRIBING for each in suppressions)
        # Without a date of its own it has that of the suppression that it left behind.
        if since is not None or not left:
            yield since


def _suppressions(marketing: _Object, list_id: str | None) -> list[_Object]:
    found = [each for each in _objects(marketing.get("suppression")) if each.get("reason") not in _TECHNICAL]
    return found + [each for each in _objects(marketing.get("list_suppressions")) if each.get("list_id") == list_id]


def suppression_reasons(profile: Profile) -> set[str]:
    """Give the reasons for which a profile gets no e-mail.

    :raises DestinationRefused: when Klaviyo did not tell.
    """
    marketing = member(member(_subscriptions(profile), "email"), "marketing")
    return {str(each.get("reason")) for each in _objects(marketing.get("suppression"))}


def _subscriptions(profile: Profile) -> _Object:
    attributes = member(profile, "attributes")
    if "subscriptions" not in attributes:
        raise DestinationRefused(_HIDDEN).of_kind("permission")
    return member(attributes, "subscriptions")


def _latest(*texts: Any) -> int | None:
    moments = [moment for moment in map(read_moment, texts) if moment is not None]
    return max(moments, default=None)


def _objects(value: Any) -> list[_Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
