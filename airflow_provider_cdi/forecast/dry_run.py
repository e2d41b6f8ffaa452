"""A dry run: everything is read, checked and put into batches, what it comes to is counted, and nothing leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pyarrow as pa

from airflow_provider_cdi.engine.abilities import AskingDestination
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.ports import BatchLimits, Destination, Merge, Rate, RateWindow, Transport
from airflow_provider_cdi.engine.reading.read_ahead import call_in_thread
from airflow_provider_cdi.engine.report import Report
from airflow_provider_cdi.engine.rows.progress import Journal
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.rejects import RejectedRow
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.engine.run import Run
from airflow_provider_cdi.engine.run_inputs import RunInputs
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Request, Response, Verdict
from airflow_provider_cdi.exceptions import RetryLater, StopSync
from airflow_provider_cdi.forecast.examples import ExampleJournal
from airflow_provider_cdi.forecast.forecast import Forecast
from airflow_provider_cdi.forecast.new_people import NewFound, PeopleSample, find_new_people, look_for_new_people
from airflow_provider_cdi.forecast.pace import behind_a_look, pace_of
from airflow_provider_cdi.forecast.scan import Scan
from airflow_provider_cdi.forecast.tally import Tally


class DryRunDestination:
    """Checks and encodes as the real destination does, and takes every request for accepted.

    Whom the real one would ask about is asked about too: as if each were known, and nothing stood against it.

    :param real: the destination that a real run would use.
    :param tally: counts the records of each request.
    """

    def __init__(self, real: Destination, tally: Tally) -> None:
        self._real = real
        self._tally = tally

    @property
    def contract(self) -> TableContract:
        """The real one's."""
        return self._real.contract

    @property
    def limits(self) -> BatchLimits:
        """The real one's, so that the number of requests is right."""
        return self._real.limits

    @property
    def rates(self) -> Mapping[str, Sequence[Rate]]:
        """None: nothing leaves."""
        return {}

    def rate_window(self, answer: Response) -> RateWindow | None:
        """None: nobody answered."""
        return None

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Merge as the real one does."""
        return self._real.merge(older, newer)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Nothing is ever in doubt."""
        return True

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Encode as the real one does."""
        return self._real.encode(rows)

    def request(self, records: Sequence[Record]) -> Request:
        """Ask or join as the real one does."""
        self._tally.note_records(self._real, records)
        return self._questions(records)[0] if self._asks(records) else self._real.request(records)

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Ask on; then take all for accepted, but for rows of which only a part can be sent."""
        if isinstance(self._real, AskingDestination) and self._asks(records):
            return self._go_on([*self._questions(records)[1:], self._real.request_to_known(records)], records)
        return self._go_on([], records)

    def _go_on(self, requests: Sequence[Request], records: Sequence[Record]) -> Verdict:
        if requests:
            return FollowUp(requests[0], lambda answer: self._go_on(requests[1:], records))
        short = {place: record.shortfall for place, record in enumerate(records)}
        return Completed({place: why for place, why in short.items() if why is not None})

    def _asks(self, records: Sequence[Record]) -> bool:
        return bool(self._questions(records))

    def _questions(self, records: Sequence[Record]) -> Sequence[Request]:
        return self._real.questions(records) if isinstance(self._real, AskingDestination) else ()


class CountingTransport:
    """Sends nothing, and counts what would have been sent.

    :param tally: counts the requests.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def send(self, request: Request) -> Response:
        """Answer in the destination's place."""
        self._tally.note_request(request)
        return Response(200, {}, b"")


class DryRun:
    """A run of which nothing leaves but questions, where somebody wants to know how many people are new.

    :param destination: that of the run that it stands for.
    :param settings: how that run would deliver.
    :param inputs: makes what a run is made of from a destination, a transport, a journal and settings.
    :param transport: opens what sends questions, when there are any.
    :param scan: asks the warehouse what it will scan; None for not asking.
    :param vendor: whose words the codes are in, see :func:`~airflow_provider_cdi.destinations.cures.code_of`.
    :param asks_about: about how many people the destination is asked at most, where no gate wants to know of all.
    """

    def __init__(
        self,
        destination: Destination,
        settings: DeliverySettings,
        inputs: Callable[[Destination, Transport, Journal, DeliverySettings], RunInputs],
        transport: Callable[[], AbstractAsyncContextManager[Transport]],
        *,
        scan: Callable[[], Scan] | None = None,
        vendor: str = "",
        asks_about: int = 0,
    ) -> None:
        self._vendor = vendor
        self._real, self._settings, self._inputs, self._transport = destination, settings, inputs, transport
        self._ask_scan, self._scan, self._new = scan, Scan(), NewFound()
        self._asks_about, self._tally = asks_about, Tally(sample=PeopleSample(asks_about))
        self._journal = ExampleJournal()
        at_once = replace(settings, requests_per_second=None, rate_share=None)
        dry = DryRunDestination(destination, self._tally)
        made = inputs(dry, CountingTransport(self._tally), self._journal, at_once)
        # What would stop a run must not hide the figures: they are what somebody needs who decides about it.
        self._gates, self._too_much = made.gates or Gates(), list[str]()
        self._clock, self._look_seconds, self._asked_seconds = made.clock, 0.0, 0.0
        self._run = Run(replace(made, gates=self._gates.by_numbers, on_gates=self._too_much.extend))

    @property
    def examples(self) -> Sequence[RejectedRow]:
        """Rows that the run would set aside, a few of each code. They hold personal data."""
        return self._journal.rows

    def report(self) -> Report:
        """Return the numbers so far, the forecast among them."""
        report = self._run.report()
        report.dry_run, report.plan = True, self._forecast(report.seconds)
        report.stopped_by = self._stopped_by(report.plan.data_points or 0)
        return report

    async def run(self) -> Report:
        """Read the slice.

        :return: the report, with the forecast.
        :raises StopSync: when the run would stop before it sends anything.
        :raises RetryLater: when the warehouse does not answer now.
        """
        if self._ask_scan is not None:
            self._scan = await call_in_thread(self._ask_scan)
        began = self._clock.monotonic()
        if self._gates.max_new_profiles is not None:
            await self._look_for_new_people()
        self._look_seconds = self._clock.monotonic() - began
        await self._run.run()
        began = self._clock.monotonic()
        if self._asks_about and self._new.number is None:
            await self._ask_some()
        self._asked_seconds = self._clock.monotonic() - began
        return self.report()

    async def _look_for_new_people(self) -> None:
        """Ask whom the destination does not know, as the run will before it sends: its gate may stop it."""
        try:
            async with self._transport() as transport:
                self._new, found = await look_for_new_people(self._asking(transport), self._gates)
        except StopSync as error:
            self._too_much.append(str(error))
        except RetryLater as error:
            self._new = NewFound(told=f"could not be asked: {error}")
        else:
            self._too_much.extend(found)

    async def _ask_some(self) -> None:
        async with self._transport() as transport:
            sample, keys = self._tally.sample.records, self._tally.keys
            self._new = await find_new_people(self._asking(transport), sample, keys)

    def _asking(self, transport: Transport) -> RunInputs:
        return self._inputs(self._real, transport, self._journal, self._settings)

    def _stopped_by(self, data_points: int) -> str:
        found = [*self._too_much, *self._gates.over_data_points(data_points, "all of its rows")]
        return " ".join([*found, self._gates.way_on]) if found else ""

    def _forecast(self, seconds: float) -> Forecast:
        reading_seconds = seconds - self._look_seconds - self._asked_seconds
        pace = pace_of(self._tally.sent, self._real, self._settings, reading_seconds=reading_seconds)
        return Forecast(
            self._real,
            self._tally,
            behind_a_look(pace, self._look_seconds) if self._gates.max_new_profiles is not None else pace,
            examples=self.examples,
            scan=self._scan,
            new=self._new,
            vendor=self._vendor,
        )
