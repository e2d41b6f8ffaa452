"""Another side that bills what it is sent and knows people: for gates, plans and dry runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Request, Response, Verdict
from support.engine_world import ThingDestination, Things


class Town(Things):
    """The other side; it can be asked whom it knows."""

    #: How long it thinks about a question.
    thinks = 0.0

    async def send(self, request: Request) -> Response:
        if not request.changes:
            await asyncio.sleep(self.thinks)
            known = {thing["id"] for thing in self.applied}
            return Response(200, {}, json.dumps([one in known for one in json.loads(request.body)]).encode())
        return await super().send(request)


class TownDestination(ThingDestination):
    """Bills one point a record, and makes a person of each new key."""

    people_a_question = 3
    key_names = "people"

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        return {"data_points": len(records)}

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        body = json.dumps([record.key for record in records]).encode()

        def read(answer: Response) -> Verdict:
            known = json.loads(answer.body)
            return Completed(skipped={place: "new" for place, is_known in enumerate(known) if not is_known})

        return FollowUp(Request("POST", "/known", body, is_question=True), read)
