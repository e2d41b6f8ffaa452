"""The bulk jobs of consent: subscribe, unsubscribe, suppress, unsuppress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from cdi_sandbox.api.call import Call, Change, Reply
from cdi_sandbox.api.json import Json
from cdi_sandbox.klaviyo import limits
from cdi_sandbox.klaviyo.account import Account
from cdi_sandbox.klaviyo.consent.effects import ONLY_LEFT, PURPOSES, TRACKING
from cdi_sandbox.klaviyo.jobs import Job, JobKind
from cdi_sandbox.klaviyo.json_api.bodies import at, envelope, objects, refuse, related, stop_for
from cdi_sandbox.klaviyo.json_api.documents import nothing, one, resource, write_time
from cdi_sandbox.klaviyo.json_api.errors import Problem
from cdi_sandbox.klaviyo.json_api.revisions import CLICK_TRACKING
from cdi_sandbox.klaviyo.profiles.checks import check_profile, profile_rules
from cdi_sandbox.klaviyo.profiles.import_calls import named_job
from cdi_sandbox.times import read_moment

_PROFILES = "/data/attributes/profiles/data"
_IDENTIFIER_OF = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number", "push": ""}
_CONTACTS = frozenset({"email", "phone_number"})
#: What stands beside the purposes of a channel.
_OTHER_FIELDS = {"push": ("tokens", "anonymous_id")}
#: Kind of a job -> its type, also the end of its path.
_SUPPRESSION_TYPES: Mapping[JobKind, str] = {
    "suppress": "profile-suppression-bulk-create-job",
    "unsuppress": "profile-suppression-bulk-delete-job",
}


def subscribe(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-subscription-bulk-create-jobs``: 202, and no job to look at."""
    data = envelope(call, "profile-subscription-bulk-create-job")
    return _change_consent(account, call, data, "SUBSCRIBED", limits.SUBSCRIBE_PROFILES)


def unsubscribe(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-subscription-bulk-delete-jobs``: 202, and no job to look at."""
    data = envelope(call, "profile-subscription-bulk-delete-job")
    return _change_consent(account, call, data, "UNSUBSCRIBED", limits.UNSUBSCRIBE_PROFILES)


def suppress(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-suppression-bulk-create-jobs``."""
    return _start(account, call, "suppress")


def unsuppress(account: Account, call: Call) -> Reply:
    """Answer ``POST /api/profile-suppression-bulk-delete-jobs``."""
    return _start(account, call, "unsuppress")


def show_suppress(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-suppression-bulk-create-jobs/{id}``."""
    return _show(account, call, "suppress")


def show_unsuppress(account: Account, call: Call) -> Reply:
    """Answer ``GET /api/profile-suppression-bulk-delete-jobs/{id}``."""
    return _show(account, call, "unsuppress")


def _change_consent(account: Account, call: Call, data: dict[str, Json], state: str, most: int) -> Reply:
    things = objects(call, data["type"], ("profiles", "data"), most)
    attributes = data["attributes"]
    historical = attributes.get("historical_import") is True
    audience = next(iter(related(call, "list", "list")), None)
    if audience is not None and audience not in account.lists:
        raise refuse("/data/relationships/list/data/id", f"List {audience} was not found")
    check = _Consents(account, call, state, historical)
    problems = [
        problem.under(f"{_PROFILES}/{index}") for index, thing in enumerate(things) for problem in check.problems(thing)
    ]
    problems += _refused_rows(call)
    stop_for(problems, account.settings)
    reply = nothing()
    content = {
        "profiles": things,
        "list": audience,
        "historical": historical,
        "source": attributes.get("custom_source") or "",
    }
    reply.change = Change("klaviyo.subscribe" if state == "SUBSCRIBED" else "klaviyo.unsubscribe", content)
    reply.accepted = call.identifiers
    return reply


class _Consents:
    """Finds what is wrong with the consent of one profile."""

    def __init__(self, account: Account, call: Call, state: str, historical: bool) -> None:
        self._settings = account.settings
        # Custom properties cannot be set in the same call.
        self._rules = replace(profile_rules(self._settings, call.revision), attributes=_CONTACTS)
        self._has_click_tracking = call.revision >= CLICK_TRACKING
        self._now = account.now()
        self._state = state
        self._historical = historical

    def problems(self, thing: Json) -> Iterator[Problem]:
        """Find everything that is wrong with one profile; the pointers begin at it."""
        subscriptions = at(thing, "attributes", "subscriptions")
        if not isinstance(subscriptions, dict) or not subscriptions:
            yield Problem("/attributes/subscriptions", "Subscriptions are required, an object")
            return
        attributes = dict(thing["attributes"])
        del attributes["subscriptions"]
        born = attributes.pop("age_gated_date_of_birth", None) if self._state == "SUBSCRIBED" else None
        yield from check_profile({**thing, "attributes": attributes}, self._rules)
        for channel, purposes in subscriptions.items():
            yield from self._channel(channel, purposes, attributes)
        if "sms" in subscriptions:
            yield from self._sms(attributes, born)

    def _channel(self, channel: str, purposes: Json, attributes: Mapping[str, Json]) -> Iterator[Problem]:
        place = f"/attributes/subscriptions/{channel}"
        if channel not in PURPOSES or not isinstance(purposes, dict):
            yield Problem(place, f"'{channel}' is no channel, or is no object")
            return
        identifier = _IDENTIFIER_OF[channel]
        if identifier and not attributes.get(identifier):
            yield Problem(f"/attributes/{identifier}", f"{identifier} is required for a consent to {channel}")
        for purpose, choice in purposes.items():
            if purpose in _OTHER_FIELDS.get(channel, ()):
                continue
            if purpose not in self._purposes(channel) or not isinstance(choice, dict):
                yield Problem(f"{place}/{purpose}", f"'{purpose}' is no purpose of {channel}, or is no object")
            else:
                yield from self._choice(f"{place}/{purpose}", choice, purpose not in TRACKING)

    def _sms(self, attributes: Mapping[str, Json], born: Json) -> Iterator[Problem]:
        if self._state != "SUBSCRIBED":
            return
        place = "/attributes/age_gated_date_of_birth"
        if born is None:
            if self._settings.age_gate:
                yield Problem(place, "The account asks for a date of birth before it sends SMS")
        elif not _is_date(born):
            yield Problem(place, "It must be a date, as 1990-01-31")
        regions, phone = tuple(self._settings.sms_regions), attributes.get("phone_number")
        if regions and isinstance(phone, str) and not phone.startswith(regions):
            yield Problem("/attributes/phone_number", "The account has no sending number for this region")

    def _purposes(self, channel: str) -> tuple[str, ...]:
        has_all = channel != "email" or self._has_click_tracking
        purposes = PURPOSES[channel] if has_all else PURPOSES[channel][:-1]
        joins = self._state == "SUBSCRIBED"
        return tuple(purpose for purpose in purposes if not (joins and purpose in ONLY_LEFT))

    def _choice(self, place: str, choice: Mapping[str, Json], has_moment: bool) -> Iterator[Problem]:
        if choice.get("consent") != self._state:
            yield Problem(f"{place}/consent", f"The consent must be {self._state}")
        consented = choice.get("consented_at")
        place = f"{place}/consented_at"
        if not has_moment:
            if "consented_at" in choice:
                yield Problem(place, "'consented_at' is not a field of this consent")
        elif consented is None:
            if self._historical:
                yield Problem(place, "consented_at is required when historical_import is true")
        elif not self._historical:
            yield Problem(place, "consented_at is only allowed when historical_import is true")
        elif (moment := read_moment(consented)) is None or moment > self._now:
            yield Problem(place, "consented_at must be a moment in the past, in ISO 8601")


def _is_date(value: Json) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _start(account: Account, call: Call, kind: JobKind) -> Reply:
    envelope(call, _SUPPRESSION_TYPES[kind])
    emails = _emails(account, call, kind)
    rows: list[Json] = [None for _ in emails] if account.sandbox_settings.keep == "counts" else list(emails)
    job = account.add_job(kind, rows)
    account.keep_job(job)
    reply = one(call, _resource(call, job), 202)
    reply.accepted = call.identifiers
    return reply


def _emails(account: Account, call: Call, kind: JobKind) -> list[str]:
    audience = next(iter(related(call, "list", "list")), None)
    if at(call.body, "data", "attributes", "profiles") is None and audience is not None:
        if audience not in account.lists:
            raise refuse("/data/relationships/list/data/id", f"List {audience} was not found")
        profiles = account.profiles.by_number
        members = (profiles[number] for number in account.lists[audience].members)
        return [member.email for member in members if member.email is not None]
    things = objects(call, _SUPPRESSION_TYPES[kind], ("profiles", "data"), limits.SUPPRESS_EMAILS)
    rules = profile_rules(account.settings, call.revision)
    problems = []
    for index, thing in enumerate(things):
        found = check_profile(thing, rules)
        if not found and not at(thing, "attributes", "email"):
            found = [Problem("/attributes/email", "An e-mail address is required")]
        problems += [problem.under(f"{_PROFILES}/{index}") for problem in found]
    stop_for([*problems, *_refused_rows(call)], account.settings)
    return [thing["attributes"]["email"] for thing in things]


def _refused_rows(call: Call) -> list[Problem]:
    return [
        Problem(f"{_PROFILES}/{index}", call.refused[identifier])
        for index, identifier in enumerate(call.identifiers)
        if identifier is not None and identifier in call.refused
    ]


def _show(account: Account, call: Call, kind: JobKind) -> Reply:
    job = named_job(account, call, kind)
    reply = one(call, _resource(call, job))
    job.look()
    return reply


def _resource(call: Call, job: Job) -> Json:
    kind = _SUPPRESSION_TYPES[job.kind]
    attributes = {
        # Klaviyo's example shows a suppression in process from the beginning.
        "status": "processing" if job.status == "queued" else job.status,
        "created_at": write_time(job.created, exact=True),
        "total_count": job.total,
        "completed_count": job.done,
        "completed_at": write_time(job.completed, exact=True),
        "skipped_count": job.skipped,
    }
    return resource(call, kind, job.id, attributes)
