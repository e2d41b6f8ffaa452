"""Rejected rows again, from wherever the rejects lie: an object store, a mount, the disk of another worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.rejected_rows import BAD, ROWS, add_new_rows, again, fill, mend, put_in_a_dag
from support.s3_server import S3Server, s3_server

from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.rejects.storage import storage_of

#: A checkpoint, and so a file of rejects, every few hundred rows.
IN_SEVERAL_FILES = DeliverySettings(window_rows=2_000, checkpoint_seconds=0)
PLACE = "s3://s3_local@bucket"
MENDED = {kind: [BAD[kind][rest][0] for rest in (7, 17)] for kind in BAD}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(server, lab, monkeypatch, request) -> S3Server:
    """The lab's syncs write their rejects there, each test's below a prefix of its own."""
    monkeypatch.setenv("AIRFLOW_CONN_S3_LOCAL", server.connection())
    lab.arguments = {"rejects_path": f"{PLACE}/{request.node.name}/", "delivery": IN_SEVERAL_FILES}
    return server


@pytest.fixture(autouse=True)
def _in_a_dag(lab, monkeypatch):
    put_in_a_dag(lab, monkeypatch)


# --- an object store --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["attributes", "events"])
def test_with_rejects_in_s3_two_redrives_on_two_workers_send_exactly_the_mended_ones_once(lab, s3, request, kind):
    fill(lab, kind, people=ROWS)
    first = lab.run(data_type=kind, context={"hostname": "A"})
    assert first["rejects"] == {code: 100 for code, _ in BAD[kind].values()}
    mend(lab, kind, 7, 17)
    add_new_rows(lab, kind)
    between = lab.run(data_type=kind, context={"hostname": "A"})
    assert between["accepted"] == 50
    report = again(lab, "again", kind=kind, on="B", reject_codes=MENDED[kind])
    assert (report["status"], report["accepted"], report["redrive"]["taken"]) == ("success", 200, 200)
    assert (report["watermark"], report["redrive"]["elsewhere"]) == (between["watermark"], [])
    second = again(lab, "once-more", kind=kind, on="A", reject_codes=MENDED[kind])
    assert (second["rows_read"], second["requests"], second["redrive"]["taken"]) == (0, 0, 0)
    received = lab.arrivals()
    assert received["accepted_objects"] == received["distinct_accepted"] == ROWS - 300 + 50
    assert set(received["received"].values()) == {1}
    _check_objects(s3.objects(f"{request.node.name}/a_dag/a_task/"))


def _check_objects(objects: dict[str, bytes]) -> None:
    """The part is in several files, sealed, and its marks lie beside it."""
    parts = [content for key, content in objects.items() if key.endswith(".jsonl")]
    assert len(parts) > 1
    assert sum(content.count(b"\n") for content in parts) == 500
    (seal,) = [json.loads(content) for key, content in objects.items() if key.endswith(".seal")]
    assert seal == {"files": len(parts), "rows": 500}
    files = [content for key, content in objects.items() if key.endswith(".marks")]
    marks = [json.loads(line) for content in files for line in content.splitlines()]
    assert len({(mark["part"], mark["line"]) for mark in marks}) == len(marks) == 200
    assert {(mark["redriven"], mark["run"]) for mark in marks} == {("accepted", "again")}
    assert len(objects) == len(parts) + 1 + len(files)


def test_an_object_is_removed_by_its_very_name_also_when_that_reads_as_a_pattern(s3):
    names = [f"{PLACE}/patterns/{name}" for name in ("run[1].jsonl", "run1.jsonl", "run*.jsonl")]
    store = storage_of(PLACE)
    for name in names:
        store.put(name, b"{}")
    store.remove([names[0], names[2], f"{PLACE}/patterns/never-there"])
    assert list(s3.objects("patterns/")) == ["patterns/run1.jsonl"]


# --- the disks of several workers -------------------------------------------------------------------


@pytest.fixture
def go_to(lab, monkeypatch, tmp_path):
    """Return what moves to a machine, which is a home of its own and a name, and returns the name."""
    lab.arguments = {"rejects_path": None}

    def go(name: str) -> str:
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / name))
        return name

    return go


@pytest.mark.parametrize("kind", ["attributes", "events"])
def test_rejects_on_the_disk_of_another_worker_are_named_and_kept_and_sent_on_that_worker(lab, go_to, capsys, kind):
    fill(lab, kind, people=ROWS)
    lab.run(data_type=kind, context={"hostname": go_to("A")})
    mend(lab, kind, 7, 17)
    add_new_rows(lab, kind)
    lab.run(data_type=kind, context={"hostname": go_to("B")})
    away = again(lab, "on-b", kind=kind, on="B", reject_codes=MENDED[kind])
    assert (away["status"], away["redrive"]["taken"], away["requests"]) == ("partial", 0, 0)
    (named,) = away["redrive"]["elsewhere"]
    assert named.startswith("500 in ")
    assert named.endswith(" on A")
    assert named in capsys.readouterr().out
    report = again(lab, "on-a", kind=kind, on=go_to("A"), reject_codes=MENDED[kind])
    assert (report["status"], report["accepted"], report["redrive"]["taken"]) == ("success", 200, 200)
    assert again(lab, "on-b-again", kind=kind, on=go_to("B"), reject_codes=MENDED[kind])["requests"] == 0
    received = lab.arrivals()
    assert received["accepted_objects"] == received["distinct_accepted"] == ROWS - 300 + 50


def test_rejects_on_a_mount_that_all_workers_share_are_sent_from_another_worker(lab, go_to, tmp_path):
    fill(lab, "attributes", people=ROWS)
    lab.arguments = {"rejects_path": f"file://{tmp_path}/mount/users.jsonl"}
    lab.run(context={"hostname": go_to("A")})
    mend(lab, "attributes", 7, 17)
    report = again(lab, "on-b", on=go_to("B"), reject_codes=MENDED["attributes"])
    assert (report["status"], report["accepted"], report["redrive"]["elsewhere"]) == ("success", 200, [])
    assert again(lab, "on-a", on=go_to("A"), reject_codes=MENDED["attributes"])["redrive"]["taken"] == 0


def test_rejects_on_another_worker_are_still_named_after_many_runs_here(lab, go_to):
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    for day, name in enumerate("ABBBBBB", 1):
        lab.sql(f"insert into users values ('2026-01-0{day}', 'c-{day}', 'bad'), ('2026-01-0{day}', 'd-{day}', '{{}}')")
        lab.run(context={"hostname": go_to(name)})
    report = again(lab, "again", on="B")
    assert (report["redrive"]["taken"], len(report["redrive"]["elsewhere"])) == (6, 1)
