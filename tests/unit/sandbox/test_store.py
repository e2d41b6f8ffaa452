"""A sandbox with a file comes back as it was."""

from __future__ import annotations

import os
import stat

import pytest

from cdi_sandbox.app import create_app
from cdi_sandbox.settings import Settings

ALIAS = {"user_alias": {"alias_name": "web-77", "alias_label": "visitor"}, "_update_existing_only": False}
EVENT = {"external_id": "c-1", "name": "opened", "time": "2026-01-05T10:00:00Z"}


def reopened(make_sandbox, sandbox, path, **settings):
    sandbox.http.app.world.close()
    return make_sandbox(store=path, **settings)


def test_users_events_and_catalogs_survive_a_restart(make_sandbox, tmp_path):
    path = tmp_path / "braze.db"
    sandbox = make_sandbox(store=path)
    sandbox.make_catalog(city="string")
    sandbox.items("PUT", {"id": "s-1", "city": "Seoul"}, {"id": "s-2"})
    sandbox.items("DELETE", {"id": "s-2"})
    sandbox.attributes({"external_id": "c-1", "email": "m@example.com", "plan": "pro"}, ALIAS, {"external_id": "gone"})
    sandbox.track(events=[EVENT, EVENT])
    sandbox.call("POST", "/users/delete", {"external_ids": ["gone"]})
    before = sandbox.state(), sandbox.user(email="m@example.com")

    sandbox = reopened(make_sandbox, sandbox, path)

    after = sandbox.state(), sandbox.user(email="m@example.com")
    for held in (before[0], after[0]):  # counted since the start
        held.pop("requests")
        held.pop("data_points")
    assert after == before
    assert sandbox.held_items() == {"s-1": {"id": "s-1", "city": "Seoul"}}
    assert sandbox.user(alias_name="web-77", alias_label="visitor")


def test_new_users_get_new_ids_after_a_restart(make_sandbox, tmp_path):
    sandbox = make_sandbox(store=tmp_path / "braze.db")
    sandbox.attributes({"external_id": "c-1"})
    sandbox = reopened(make_sandbox, sandbox, tmp_path / "braze.db")
    sandbox.attributes({"external_id": "c-2"})
    assert sandbox.user(external_id="c-1")["braze_id"] != sandbox.user(external_id="c-2")["braze_id"]


def test_what_was_accepted_but_not_applied_is_applied_after_the_restart(make_sandbox, tmp_path):
    path = tmp_path / "braze.db"
    sandbox = make_sandbox(store=path, apply_delay=300)
    sandbox.attributes({"external_id": "c-1", "plan": "pro"})
    sandbox = reopened(make_sandbox, sandbox, path)
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_a_reset_empties_the_file_too(make_sandbox, tmp_path):
    sandbox = make_sandbox(store=tmp_path / "braze.db")
    sandbox.attributes({"external_id": "c-1"})
    sandbox.http.post("/_sandbox/reset")
    sandbox = reopened(make_sandbox, sandbox, tmp_path / "braze.db")
    assert sandbox.state()["users"] == 0


def test_a_file_that_is_something_else_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be looked at as one " * 20)
    with pytest.raises(ValueError, match="cannot be opened"):
        create_app(Settings(store=path))


def test_a_file_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="in a folder that does"):
        create_app(Settings(store=tmp_path / "none" / "braze.db"))


def test_a_file_of_another_sandbox_is_refused(tmp_path):
    path = tmp_path / "braze.db"
    first = create_app(Settings(store=path)).world
    with pytest.raises(ValueError, match="Is another sandbox using it"):
        create_app(Settings(store=path))
    first.close()


@pytest.mark.parametrize("is_there_before", [False, True])
def test_a_store_and_what_sqlite_puts_beside_it_are_for_their_owner_alone(make_sandbox, tmp_path, is_there_before):
    before = os.umask(0o022)
    try:
        if is_there_before:
            make_sandbox(store=tmp_path / "braze.db").http.app.world.close()
            (tmp_path / "braze.db").chmod(0o644)
        sandbox = make_sandbox(store=tmp_path / "braze.db")
        sandbox.attributes({"external_id": "ada", "email": "ada@example.com"})
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    finally:
        os.umask(before)


def test_a_file_of_somebody_else_keeps_its_mode(make_sandbox, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no store " * 100)
    other.chmod(0o644)
    with pytest.raises(ValueError, match="cannot be opened"):
        make_sandbox(store=other)
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
