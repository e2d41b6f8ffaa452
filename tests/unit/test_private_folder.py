"""Files for their owner alone: the modes of what is made and of what was there, and no way through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from airflow_provider_cdi.private_folder import check_folder, new_file, old_file, opened_folder
from airflow_provider_cdi.rejects.storage import LocalFolder

NAME = "run.jsonl"


@pytest.fixture(autouse=True)
def _open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root that everybody may read."""
    made = tmp_path / "rejects"
    made.mkdir(mode=0o755)
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_made_is_for_the_owner_alone_above_the_root_too(tmp_path: Path) -> None:
    file = tmp_path / "new" / "root" / "a_dag" / "a_task" / NAME
    LocalFolder(str(tmp_path / "new" / "root")).put(str(file), b"row")
    made = [one for one in (file, *file.parents) if tmp_path in one.parents]
    assert [mode(one) for one in made] == [0o600, 0o700, 0o700, 0o700, 0o700]


def test_folders_below_the_root_are_tightened_and_the_root_is_left_as_it_is(top: Path) -> None:
    (top / "a_dag" / "a_task").mkdir(parents=True, mode=0o777)
    LocalFolder(str(top)).put(str(top / "a_dag" / "a_task" / NAME), b"row")
    assert [mode(one) for one in (top, top / "a_dag", top / "a_dag" / "a_task")] == [0o755, 0o700, 0o700]


def test_the_folder_of_a_file_that_was_named_is_left_as_it_is(top: Path) -> None:
    LocalFolder().put(str(top / NAME), b"row")
    assert (mode(top), mode(top / NAME)) == (0o755, 0o600)


@pytest.mark.parametrize("left_over", [NAME, f"{NAME}.new"])
def test_a_file_that_was_there_is_replaced_by_one_that_nobody_else_has_open(top: Path, left_over: str) -> None:
    (top / left_over).write_bytes(b"old")
    (top / left_over).chmod(0o666)
    with open(top / left_over, "rb") as opened_by_another:
        LocalFolder(str(top)).put(str(top / NAME), b"row")
        assert opened_by_another.read() == b"old"
    assert (mode(top / NAME), (top / NAME).read_bytes()) == (0o600, b"row")


@pytest.mark.parametrize("link", [NAME, f"{NAME}.new"])
def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(top: Path, tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"kept")
    (top / link).symlink_to(elsewhere)
    LocalFolder(str(top)).put(str(top / NAME), b"row")
    assert elsewhere.read_bytes() == b"kept"
    assert (top / NAME).read_bytes() == b"row"
    assert not (top / NAME).is_symlink()


@pytest.mark.parametrize("link", ["a_dag", "a_dag/a_task"])
@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_link_below_the_root_is_refused_by_whatever_is_done(
    top: Path, tmp_path: Path, link: str, is_dangling: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere if is_dangling else elsewhere / "a_task").mkdir(parents=True)
    (top / link).parent.mkdir(exist_ok=True)
    (top / link).symlink_to(elsewhere / "nothing" if is_dangling else elsewhere)
    folder, name = LocalFolder(str(top)), str(top / "a_dag" / "a_task" / NAME)
    for call in (
        lambda: folder.put(name, b"row"),
        lambda: folder.prove(name, by_writing=True),
        lambda: folder.prove(name, by_writing=False),
        lambda: folder.join([], name),
    ):
        with pytest.raises(OSError, match="is a link, and links are not followed there"):
            call()
    assert not folder.has(name)
    assert not [path for path in elsewhere.rglob("*") if path.is_file()]


def test_nothing_is_removed_or_read_through_a_link(top: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / NAME).write_bytes(b"kept")
    (top / "a_dag").symlink_to(elsewhere)
    (top / NAME).symlink_to(elsewhere / NAME)
    folder = LocalFolder(str(top))
    with pytest.raises(OSError, match="is a link"):
        folder.remove([str(top / "a_dag" / NAME)])
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        folder.join([str(top / NAME)], str(top / "joined.jsonl"))
    assert not folder.has(str(top / NAME))
    folder.remove([str(top / NAME)])
    assert (elsewhere / NAME).read_bytes() == b"kept"
    assert os.listdir(top) == ["a_dag"]


def test_a_root_that_is_a_link_itself_is_the_choice_of_who_named_it(top: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(top)
    LocalFolder(str(tmp_path / "link")).put(str(tmp_path / "link" / "a_dag" / NAME), b"row")
    assert (top / "a_dag" / NAME).read_bytes() == b"row"


def test_a_folder_that_is_exchanged_for_a_link_after_it_was_opened_changes_nothing(top: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with opened_folder(str(top / "a_dag"), str(top), make=True) as folder:
        (top / "a_dag").rename(tmp_path / "moved")
        (top / "a_dag").symlink_to(elsewhere)
        with new_file(NAME, folder) as file:
            file.write(b"row")
        with old_file(NAME, folder) as file:
            assert file.read() == b"row"
    assert os.listdir(elsewhere) == []


def test_looking_at_a_folder_makes_none(top: Path) -> None:
    check_folder(str(top / "a_dag" / "a_task"), str(top))
    assert os.listdir(top) == []
