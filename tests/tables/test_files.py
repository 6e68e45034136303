"""Files that are whole or not there: whatever ends the writing, nothing half-written is left."""

import os

import pytest

from persona_lib.tables.files import HALF, whole


def test_what_stood_there_stays_until_all_is_written(tmp_path):
    path = tmp_path / "new" / "x.txt"
    for text in ("one", "two"):
        before = path.read_text() if path.exists() else None
        with whole(path) as half:
            half.write_text(text)
            assert half.parent == path.parent and half.name.endswith(HALF) and str(os.getpid()) in half.name
            assert (path.read_text() if path.exists() else None) == before
        assert path.read_text() == text and [other.name for other in path.parent.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_file_of_before_and_nothing_else(tmp_path, error):
    (tmp_path / "x.txt").write_text("before")
    with pytest.raises(error), whole(tmp_path / "x.txt") as half:
        half.write_text("half")
        raise error
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.txt", "before")]


def test_who_writes_nothing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError), whole(tmp_path / "x.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_it_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """The oracle is the order of the calls to the kernel."""
    done, sync, put = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), sync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), put(*names)))
    with whole(tmp_path / "x.txt") as half:
        half.write_text("x")
    assert done == ["fsync", "replace"]


def test_a_private_file_is_its_owners_from_the_first_byte_on(tmp_path):
    with whole(tmp_path / "x.json", private=True) as half:
        half.write_text("{}")
        assert half.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600
