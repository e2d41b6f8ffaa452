"""The data type ``profiles``: bulk import jobs, and one by one where a field is to be cleared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from airflow_provider_cdi.argument_rules import DEEPEST_NESTING
from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination
from airflow_provider_cdi.destinations.klaviyo.endpoints import (
    ADD_TO_LIST,
    GET_PROFILES,
    IMPORT_ERRORS,
    IMPORT_JOB,
    IMPORT_PROFILES,
    UPSERT_PROFILE,
    rates_of,
)
from airflow_provider_cdi.destinations.klaviyo.identifiers import (
    IDENTIFIERS,
    Identity,
    PersonRecord,
    identifiers_in,
    identify_rows,
)
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.people import new_profiles
from airflow_provider_cdi.destinations.klaviyo.phone_drops import drop_phones, profile_without_phone
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.profiles.fast_path import fast_profiles
from airflow_provider_cdi.destinations.klaviyo.profiles.import_jobs import ImportJob
from airflow_provider_cdi.destinations.klaviyo.profiles.merge import merge_profiles
from airflow_provider_cdi.destinations.klaviyo.profiles.standard_fields import (
    STANDARD_ALIASES,
    STANDARD_FIELDS,
    StandardFields,
)
from airflow_provider_cdi.destinations.klaviyo.properties import Properties, PropertyReader, is_empty
from airflow_provider_cdi.destinations.klaviyo.responses.job_watch import resource_id, submitted_job
from airflow_provider_cdi.destinations.klaviyo.responses.lookups import Lookup
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of, failure_of_read, unexpected
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import places_of_one, profile_places, read_refusal
from airflow_provider_cdi.destinations.payload import PayloadBounds
from airflow_provider_cdi.destinations.structs import json_object_text
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, OtherColumns, TableContract
from airflow_provider_cdi.engine.verdicts import Ambiguous, Completed, FollowUp, Request, Response, Verdict

#: The group of profiles that clear a field: a bulk import ignores nulls, so they go one by one.
CLEAR = "clear"

#: A person stands only once in a job: in which order a job works is not documented.
_ONCE = "profile"

_TYPE = "profile-bulk-import-job"
#: Where the one profile of a single upsert stands.
_ALONE = places_of_one("/data/attributes", "/data/meta", "/data/id")

_SINGLE = b'{"data":%b}'
_HEAD = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['


class Profiles(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.abilities.JobDestination` that creates and updates profiles.

    :param clears_nulls: whether a NULL clears what Klaviyo has; else it is left out. Profiles with something to clear
        go one by one, at most 750 a minute. Identifiers are never cleared.
    :param list_ids: lists that all profiles are added to; nobody is subscribed by that.
    :param update_only: whether people whom Klaviyo does not know are passed over.
    :param other_columns: see :class:`~airflow_provider_cdi.engine.rows.table_contract.TableContract`.
    :param rate_share: the part of Klaviyo's rate limits to use.
    """

    def __init__(
        self,
        limits: KlaviyoLimits,
        phones: Phones,
        *,
        clears_nulls: bool,
        list_ids: Sequence[str],
        update_only: bool,
        other_columns: OtherColumns,
        rate_share: float,
    ) -> None:
        self._limits = limits
        self._phones = phones
        self._clears = clears_nulls
        self._list_ids = tuple(list_ids)
        self._update_only = update_only
        self._tail = b"]}}%b}}" % _relationships(list_ids)
        #: Our part of Klaviyo's rate limits, an endpoint each.
        self.rates = rates_of(
            (IMPORT_PROFILES, IMPORT_JOB, IMPORT_ERRORS, UPSERT_PROFILE, GET_PROFILES, ADD_TO_LIST), rate_share
        )
        #: The columns that the source must have.
        self.contract = TableContract(
            "profiles",
            identifiers=IDENTIFIERS,
            found_by_any=True,
            needs_payload=False,
            optional=tuple(STANDARD_FIELDS),
            contents=tuple(STANDARD_FIELDS),
            other_columns=other_columns,
            aliases=((PAYLOAD, "PROPERTIES"), *STANDARD_ALIASES),
        )
        self._properties = PropertyReader(self.contract, PayloadBounds(limits.profile_bytes, None, DEEPEST_NESTING))

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        room = self._limits.body_bytes - len(_HEAD) - len(self._tail) - 1
        return BatchLimits(self._limits.import_profiles, room, {CLEAR: 1})

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """A profile says what is, not what to add."""
        return True

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Lay the newer profile over the older one; what clears a field travels alone."""
        return None if newer.group == CLEAR else merge_profiles(older, newer, self._limits.profile_bytes)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into profiles, or the reasons why they cannot be sent."""
        properties = self._properties.read(rows)
        entries = self._encode_fast(rows, properties)
        if None not in entries:
            return [entry for entry in entries if entry is not None]
        identities = identify_rows(rows, IDENTIFIERS, self._limits, self._phones)
        fields = StandardFields(rows, keeps_nulls=self._clears)
        return [
            entry or self._encode_row(row, identities[row], fields, properties[row])
            for row, entry in enumerate(entries)
        ]

    def request(self, records: Sequence[Record]) -> Request:
        """Ask who is known, where that matters; else send the profiles."""
        return self._opening(records).request

    def questions(self, records: Sequence[Record]) -> Sequence[Request]:
        """Return what is asked about the people, where only those whom Klaviyo knows are sent."""
        return Lookup(records, self._limits.lookup_ids, self._submission).questions() if self._update_only else ()

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Return how many profiles lose the value of a field."""
        return {"profiles_with_a_field_cleared": len(records) if records and records[0].group == CLEAR else 0}

    def request_to_known(self, records: Sequence[Record]) -> Request:
        """Send the profiles, all of people whom Klaviyo knows."""
        return self._submission(records).request

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer to :meth:`request` means."""
        return self._opening(records).read(answer)

    @property
    def people_a_question(self) -> int:
        """About how many people one request asks."""
        return self._limits.lookup_ids

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        """Begin to ask whom Klaviyo does not know; nobody is made where only known people are changed."""
        if self._update_only:
            return Completed()
        return new_profiles(records, lambda record: identifiers_in(orjson.loads(record.body)), self._limits.lookup_ids)

    def _opening(self, records: Sequence[Record]) -> FollowUp:
        return self._lookup(records, self._submission) if self._update_only else self._submission(records)

    def attach(self, job: str, records: Sequence[Record]) -> FollowUp:
        """Ask for a job of an earlier try; if Klaviyo has forgotten it, send the profiles again."""

        def ask_for(known: Sequence[Record]) -> FollowUp:
            return self._job(job, known, when_gone=lambda: self._submission(known)).ask()

        # Whom the job is about was looked up then; who was unknown is only told again.
        return self._lookup(records, ask_for) if self._update_only else ask_for(records)

    def _job(self, name: str, records: Sequence[Record], when_gone: Callable[[], FollowUp] | None = None) -> ImportJob:
        return ImportJob(name, records, when_gone, lambda verdict: self._spared(verdict, records))

    def _lookup(self, records: Sequence[Record], go_on: Callable[[list[Record]], FollowUp]) -> FollowUp:
        without_phone = profile_without_phone if self._phones.drops_bad else None
        return Lookup(records, self._limits.lookup_ids, go_on, without_phone).first()

    def _spared(self, verdict: Verdict, records: Sequence[Record]) -> Verdict:
        """Let no row be lost for its phone number, where that is wanted."""
        return drop_phones(verdict, records, profile_without_phone) if self._phones.drops_bad else verdict

    def _submission(self, records: Sequence[Record]) -> FollowUp:
        if records[0].group == CLEAR:
            request = UPSERT_PROFILE.request(_SINGLE % records[0].body)
        else:
            bodies = [record.body for record in records]
            # Put together in one step: the body has megabytes, and several are on their way at once.
            bodies[0] = _HEAD + bodies[0]
            bodies[-1] += self._tail
            request = IMPORT_PROFILES.request(b",".join(bodies))
        return FollowUp(request, lambda answer: self._read_submission(answer, records))

    def _read_submission(self, answer: Response, records: Sequence[Record]) -> Verdict:
        is_single = records[0].group == CLEAR
        endpoint = UPSERT_PROFILE if is_single else IMPORT_PROFILES
        if answer.status in REFUSALS:
            places = _ALONE if is_single else profile_places(len(records))
            return self._spared(read_refusal(answer, endpoint, records, places), records)
        failure = failure_of(answer, endpoint)
        if failure is not None:
            return failure
        if is_single:
            return self._read_upsert(answer)
        return submitted_job(answer, _TYPE, lambda name: self._job(name, records))

    def _read_upsert(self, answer: Response) -> Verdict:
        name = resource_id(answer, "profile", statuses=(200, 201))
        if name is None:
            return Ambiguous(f"Klaviyo answered {answer.status} without a profile")
        return _added_to_lists(name, self._list_ids)

    def _encode_fast(self, rows: pa.RecordBatch, properties: Sequence[Properties | Rejection]) -> list[Record | None]:
        """Encode the profiles that are like most; None for each that :meth:`_encode_row` must look at."""
        usual = None if self._clears else fast_profiles(rows, self._limits, self._phones)
        if usual is None:
            return [None] * rows.num_rows
        entries: list[Record | None] = []
        for keys, head, its_own in zip(usual.keys, usual.heads, properties, strict=True):
            entry = None
            if keys and head is not None and not isinstance(its_own, Rejection):
                text = its_own.text
                body = head[:-1] + b"}}" if is_empty(text) else b'%b"properties":%b}}' % (head, text)
                if len(body) <= self._limits.profile_bytes:
                    entry = PersonRecord(keys[0], body, "", _ONCE, keys[1:])
            entries.append(entry)
        return entries

    def _encode_row(
        self, row: int, identity: Identity | Rejection, fields: StandardFields, properties: Properties | Rejection
    ) -> Record | Rejection:
        if isinstance(identity, Rejection):
            return identity
        if isinstance(properties, Rejection):
            return properties
        attributes: dict[str, Any] = identity.attributes
        head = fields.add_to(attributes, row) or json_object_text(attributes)
        if isinstance(head, Rejection):
            return head
        clears = self._clears and (bool(properties.nulls) or fields.has_null(row))
        body = _profile(identity.values.get("id"), head, properties, unsets=clears)
        # Klaviyo: of a single upsert the payload counts, of a bulk import the profile.
        if len(body) + (len(_SINGLE) - 2 if clears else 0) > self._limits.profile_bytes:
            return Rejection("profile_too_large", f"The profile has more than {self._limits.profile_bytes:,} bytes.")
        record = PersonRecord(identity.key, body, CLEAR if clears else "", _ONCE, identity.others)
        record.adjusted = identity.adjusted
        return record


def _profile(name: str | None, head: bytes, properties: Properties, *, unsets: bool) -> bytes:
    """Put a profile together.

    :param name: Klaviyo's id of it.
    :param head: its attributes but for the properties.
    :param unsets: whether properties that are NULL are removed.
    """
    parts = [b'{"type":"profile",']
    if name is not None:
        parts.append(b'"id":%b,' % orjson.dumps(name))
    parts.append(b'"attributes":')
    if is_empty(properties.text):
        parts.append(head)
    else:
        comma = b"" if is_empty(head) else b","
        parts.append(b'%b%b"properties":%b}' % (head[:-1], comma, properties.text))
    if unsets and properties.nulls:
        parts.append(b',"meta":{"patch_properties":{"unset":%b}}' % orjson.dumps(properties.nulls))
    parts.append(b"}")
    return b"".join(parts)


def _relationships(list_ids: Sequence[str]) -> bytes:
    if not list_ids:
        return b""
    lists = orjson.dumps([{"type": "list", "id": name} for name in list_ids])
    return b',"relationships":{"lists":{"data":%b}}' % lists


def _added_to_lists(profile: str, list_ids: Sequence[str]) -> Verdict:
    """Add a profile to lists, one after the other: a single upsert does not take them along."""
    if not list_ids:
        return Completed()
    body = orjson.dumps({"data": [{"type": "profile", "id": profile}]})

    def read(answer: Response) -> Verdict:
        failure = failure_of_read(answer, ADD_TO_LIST) or unexpected(answer, 204)
        return failure or _added_to_lists(profile, list_ids[1:])

    return FollowUp(ADD_TO_LIST.request(body, name=list_ids[0]), read)
