"""The members that requests may and must have, by revision: what a strict sandbox holds against a request.

Source: the request models of Klaviyo's Python SDK 25.0.0 (revision 2026-10-15), and its OpenAPI descriptions for what
came with which revision. The table is the sandbox's own, so that it can find a mistake in what is tested against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cdi_sandbox.klaviyo.json_api.revisions import (
    BACKFILL,
    CLICK_TRACKING,
    HISTORICAL_IMPORT,
    NO_ANONYMOUS_PROFILES,
    OPEN_TRACKING,
    PUSH,
    WHATSAPP,
)
from cdi_sandbox.klaviyo.profiles.checks import LOCATION, TEXTS


class Member(NamedTuple):
    """One member of an object.

    :param shape: of the object, or of each object of the array; None where anything may stand.
    :param is_required: whether the object must have it.
    :param since: the first revision that has it.
    :param until: the first revision that does not have it any more; empty for none.
    """

    shape: Shape | None = None
    is_required: bool = False
    since: str = ""
    until: str = ""

    def is_in(self, revision: str) -> bool:
        """Say whether a revision has it."""
        return self.since <= revision and (not self.until or revision < self.until)


class Shape(NamedTuple):
    """The members of an object.

    :param resource: what Klaviyo calls the object in its errors.
    """

    resource: str
    members: Mapping[str, Member]


_ANY, _MUST = Member(), Member(is_required=True)


def _shape(resource: str, *optional: str, required: tuple[str, ...] = (), **members: Member) -> Shape:
    plain = {**dict.fromkeys(optional, _ANY), **dict.fromkeys(required, _MUST)}
    return Shape(resource, plain | {name.replace("__", "-"): member for name, member in members.items()})


def _with(shape: Shape, members: Mapping[str, Member]) -> Shape:
    return Shape(shape.resource, {**shape.members, **members})


def _must(shape: Shape) -> Member:
    return Member(shape, is_required=True)


def _of(resource: str, *, attributes: Shape, relationships: Shape | None = None, **more: Member) -> Shape:
    """Make the shape of a resource: type, attributes, and what it may have beside them."""
    related = {"relationships": Member(relationships)} if relationships else {}
    return _with(_shape(resource, required=("type",), attributes=_must(attributes)), related | more)


def _body(resource: Shape) -> Shape:
    return _shape("request", data=_must(resource))


_LINK = _shape("request-data", required=("type", "id"))
_LINKED = Member(_shape("relationship", data=Member(_LINK)))
_META = Member(
    _shape(
        "profile-meta",
        patch_properties=Member(_shape("patch_properties", "append", "unappend", "unset")),
        patch_identifiers=Member(_shape("patch_identifiers", "append", "unappend")),
    )
)
_CONTACTS = ("email", "phone_number")
_IDENTITY = ("email", "phone_number", "external_id", "_kx", *TEXTS, "properties")
_LOCATION = Member(_shape("profile-location", *LOCATION))


def _profile(anonymous: Member) -> Shape:
    attributes = _shape("profile", *_IDENTITY, location=_LOCATION, anonymous_id=anonymous)
    return _shape("profile", "id", required=("type",), attributes=_must(attributes), meta=_META)


_PROFILE = _profile(Member(until=NO_ANONYMOUS_PROFILES))


def _list_of(shape: Shape) -> Member:
    return _must(_shape("request-data", data=_must(shape)))


# --- consent --------------------------------------------------------------------------------------------

_TOKEN = Member(
    _shape(
        "push-token",
        "enablement_status",
        "background",
        "device_metadata",
        required=("token", "platform", "vendor"),
    )
)


def _consents(choice: Shape, push: Shape, *whatsapp: str) -> Shape:
    plain, tracking = Member(choice), _shape("tracking", required=("consent",))
    email = _shape(
        "email",
        marketing=plain,
        open_tracking=Member(tracking, since=OPEN_TRACKING),
        click_tracking=Member(tracking, since=CLICK_TRACKING),
    )
    return _shape(
        "subscriptions",
        email=Member(email),
        sms=Member(_shape("sms", marketing=plain, transactional=plain)),
        whatsapp=Member(Shape("whatsapp", dict.fromkeys(whatsapp, plain)), since=WHATSAPP),
        push=Member(push, since=PUSH),
    )


_YES = _shape("subscription_parameters", "consented_at", required=("consent",))
_NO = _shape("unsubscription_parameters", required=("consent",))
_YESES = _consents(
    _YES, _shape("push", "anonymous_id", marketing=_must(_YES), tokens=_TOKEN), "marketing", "transactional"
)
_NOES = _consents(
    _NO,
    _shape("push", marketing=_must(_NO), tokens=Member(_TOKEN.shape, is_required=True)),
    "marketing",
    "transactional",
    "conversational",
)


def _consent_job(kind: str, profile: Shape, **more: Member) -> Shape:
    lists = _shape("relationships", list=_LINKED)
    return _body(_of(kind, attributes=_with(_shape(kind, profiles=_list_of(profile)), more), relationships=lists))


_SUBSCRIBER = _shape(
    "profile",
    "id",
    required=("type",),
    attributes=_must(_shape("profile", *_CONTACTS, "age_gated_date_of_birth", subscriptions=_must(_YESES))),
)
_LEAVER = _shape(
    "profile", required=("type",), attributes=_must(_shape("profile", *_CONTACTS, subscriptions=_must(_NOES)))
)
_ADDRESS = _shape("profile", required=("type",), attributes=_must(_shape("profile", required=("email",))))


def _suppression_job(kind: str) -> Shape:
    profiles = Member(_shape("request-data", data=_must(_ADDRESS)))
    related = _shape("relationships", list=_LINKED, segment=_LINKED)
    return _body(_of(kind, attributes=_shape(kind, profiles=profiles), relationships=related))


# --- events ---------------------------------------------------------------------------------------------

_EVENT_PROFILE = _profile(_ANY)
_METRIC = _of("metric", attributes=_shape("metric", "service", required=("name",)))
_EVENT = _of(
    "event",
    attributes=_shape(
        "event",
        "time",
        "value",
        "value_currency",
        "unique_id",
        required=("properties",),
        backfill=Member(since=BACKFILL),
        metric=_must(_shape("request-data", data=_must(_METRIC))),
    ),
)
_ENTRY = _of(
    "event-bulk-create",
    attributes=_shape(
        "event-bulk-create",
        backfill=Member(since=BACKFILL),
        profile=_must(_shape("request-data", data=_must(_EVENT_PROFILE))),
        events=_list_of(_EVENT),
    ),
)

# --- by endpoint ----------------------------------------------------------------------------------------

_DELETION = _shape(
    "data-privacy-deletion-job",
    profile=_must(
        _shape(
            "request-data",
            data=_must(_shape("profile", "id", required=("type",), attributes=_must(_shape("profile", *_CONTACTS)))),
        )
    ),
)
_LISTS = _shape("relationships", lists=_LINKED)

#: ``"POST /api/..."`` of an endpoint -> the shape of its bodies.
BODIES: Mapping[str, Shape] = {
    "POST /api/profile-bulk-import-jobs": _body(
        _of(
            "profile-bulk-import-job",
            attributes=_shape("profile-bulk-import-job", profiles=_list_of(_PROFILE)),
            relationships=_LISTS,
        )
    ),
    "POST /api/profile-import": _body(_PROFILE),
    "POST /api/event-bulk-create-jobs": _body(
        _of(
            "event-bulk-create-job",
            attributes=_shape("event-bulk-create-job", events__bulk__create=_list_of(_ENTRY)),
        )
    ),
    "POST /api/profile-subscription-bulk-create-jobs": _consent_job(
        "profile-subscription-bulk-create-job",
        _SUBSCRIBER,
        custom_source=_ANY,
        historical_import=Member(since=HISTORICAL_IMPORT),
    ),
    "POST /api/profile-subscription-bulk-delete-jobs": _consent_job("profile-subscription-bulk-delete-job", _LEAVER),
    "POST /api/profile-suppression-bulk-create-jobs": _suppression_job("profile-suppression-bulk-create-job"),
    "POST /api/profile-suppression-bulk-delete-jobs": _suppression_job("profile-suppression-bulk-delete-job"),
    "POST /api/data-privacy-deletion-jobs": _body(_of("data-privacy-deletion-job", attributes=_DELETION)),
    "POST /api/lists/{id}/relationships/profiles": _shape("request", data=_must(_LINK)),
}
