"""The rejects of one sync, of all its runs: found, filtered, and marked when they were sent again.

A line keeps the name that it got when it was written, its part and its number there, also when parts are joined into
one file. So a line that stands in two files counts once, and a mark that names it holds for both. Parts are never
written again: marks are files of their own beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_provider_cdi.exceptions import CdiError, ConfigurationError, RetryLater
from airflow_provider_cdi.rejects.doubts import Doubts
from airflow_provider_cdi.rejects.lines import parse_line
from airflow_provider_cdi.rejects.listing import RejectPlace, RunFiles, list_runs
from airflow_provider_cdi.rejects.marks import write_marks
from airflow_provider_cdi.rejects.parts import RejectPart
from airflow_provider_cdi.rejects.run_reader import RunReader
from airflow_provider_cdi.rejects.storage import storage_of
from airflow_provider_cdi.rejects.stored import FATES, RejectFilter, StoredReject

__all__ = ["RejectIndex", "RejectPlace"]

#: Troubles that are told one by one.
MOST_TROUBLES = 100


class RejectIndex:
    """The rejects of one sync. It may be used while a run writes.

    :param sync_id: of the sync.
    :param place: where they lie.
    :param known: parts that the sync's state or reports name: how much of them counts, and those of other machines.
    :param instances_of: with what the names of its mapped instances begin; its id and a colon by default.
    """

    def __init__(
        self, sync_id: str, place: RejectPlace, known: Sequence[RejectPart] = (), instances_of: str = ""
    ) -> None:
        self.sync_id = sync_id
        self._instances_of = instances_of or f"{sync_id}:"
        self.place = place
        self._known = {part.token: part for part in known if part.path}
        self.storage = storage_of(place.below, place.top)
        #: What could not be read, in sentences without anything of a row; no more than ``MOST_TROUBLES``.
        self.troubles: list[str] = []

    def elsewhere(self) -> list[RejectPart]:
        """Return the known parts that lie on the disk of another machine, and cannot be read here.

        :raises RetryLater: when the storage does not do its part.
        :raises ConfigurationError: when it never can.
        """
        away = [part for part in self._known.values() if part.host and part.host != self.place.host]
        if not away:
            return []
        here = {(run.folder, part.token) for run in self.runs() for part in run.parts}
        return [part for part in away if (part.path.rpartition("/")[0], part.token) not in here]

    def gone(self) -> list[RejectPart]:
        """Return the known parts that should lie here and of whose run no file is left: deleted, or pruned.

        :raises RetryLater: when the storage does not do its part.
        :raises ConfigurationError: when it never can.
        """
        ours = [part for part in self._known.values() if part.rows and part.host in ("", self.place.host)]
        here = {run.place for run in self.runs()} if ours else set()
        return [part for part in ours if part.run not in here and "*" not in part.path]

    def runs(self) -> list[RunFiles]:
        """Return the files that lie here, run by run, in no order.

        :raises RetryLater: when the storage does not do its part.
        :raises ConfigurationError: when it never can.
        """
        try:
            return list_runs(self.storage, self.place)
        except self.storage.errors as error:
            raise self.explained(error, f"The rejects below {self.place.below!r} cannot be listed") from None

    def entries(self, chosen: RejectFilter | None = None) -> Iterator[StoredReject]:
        """Return the rejects in the order of writing, run by run.

        Memory holds four bytes a line for the marks of one run. A line that cannot be read is told in
        :attr:`troubles`, and the others follow.

        :param chosen: which; None for all that nobody took yet.
        :raises RetryLater: when the storage does not do its part.
        :raises ConfigurationError: when it never can.
        """
        chosen = chosen or RejectFilter()
        since = chosen.files_since.timestamp() if chosen.files_since else 0.0
        runs = [run for run in self.runs() if run.modified >= since]
        try:
            doubts = Doubts(self.storage, {token: part.files for token, part in self._known.items() if part.files})
            doubts.look(runs)
            for run in sorted(runs, key=self._beginning):
                reader = RunReader(self.storage, run, doubts, is_shared=self.place.is_shared, tell=self._trouble)
                yield from (one for one in reader.read() if self.owns(one.sync_id, one.map_index) and chosen.takes(one))
        except self.storage.errors as error:
            raise self.explained(error, f"The rejects below {self.place.below!r} cannot be read") from None

    def mark(self, fates: Iterable[tuple[StoredReject, str]], *, run: str, at: str) -> None:
        """Note what became of rejects. It is durable on return.

        :param fates: rejects of this index, each with one of :data:`~airflow_provider_cdi.rejects.stored.FATES`.
        :param run: in which run.
        :param at: when, as ISO 8601.
        :raises ValueError: when a fate is none; nothing is noted then.
        :raises RetryLater: when the storage does not do its part.
        """
        fates = list(fates)
        if wrong := {fate for _, fate in fates} - set(FATES):
            raise ValueError(f"{min(wrong)!r} is none of {', '.join(FATES)}")
        try:
            write_marks(self.storage, fates, run=run, at=at)
        except self.storage.errors as error:
            raise self.explained(error, f"What was sent again could not be marked in {self.place.below!r}") from None

    def owns(self, sync_id: str, map_index: int) -> bool:
        """Whether a line is of this sync; where templates lead several syncs into one place, others stand there too.

        :param sync_id: that the line names; empty in lines of earlier versions.
        :param map_index: which instance of a mapped task the line is of, -1 for none.
        """
        if sync_id in ("", self.sync_id):
            return True
        return map_index >= 0 and sync_id.startswith(self._instances_of)

    def _beginning(self, run: RunFiles) -> tuple[str, str]:
        """Return when the first line of a run was written, which sorts the runs."""
        firsts = [*run.whole_parts(), *(files[0] for files in run.numbered_parts().values())]
        times = [at for file in firsts if (at := self._first_time(file.name))]
        return min(times, default=""), run.name

    def _first_time(self, name: str) -> str:
        try:
            for line in self.storage.lines(name):
                return str(parse_line(line).get("at", ""))
        except (FileNotFoundError, ValueError):  # joined meanwhile, or broken: it is read, and told, later
            return ""
        return ""

    def _trouble(self, sentence: str) -> None:
        if sentence in self.troubles:  # it was read before
            return
        if len(self.troubles) < MOST_TROUBLES:
            self.troubles.append(sentence)
        elif len(self.troubles) == MOST_TROUBLES:
            self.troubles.append("And more that are not told one by one.")

    def explained(self, error: Exception, doing: str) -> Exception:
        """Return what to raise for an error of the storage.

        :param error: that it raised.
        :param doing: what failed, as the beginning of a sentence.
        """
        if isinstance(error, CdiError):
            return error
        text = f"{doing}: {self.storage.told(error)}."
        if isinstance(error, PermissionError | NotADirectoryError | ImportError | ValueError):
            return ConfigurationError(f"{text} Look here as the user who runs the worker, on a machine that sees it.")
        return RetryLater(f"{text} Bring the storage back; nothing was changed.")
