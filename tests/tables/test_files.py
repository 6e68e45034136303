"""Files that are whole or not there: whatever ends the writing, nothing half-written is left; and YAML."""

import os
from pathlib import Path

import pytest
import yaml

from persona_lib.tables import files
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


@pytest.mark.parametrize("package", ["census", "exporting", "people", "showing", "stages", "tables"])
def test_yaml_is_what_pure_python_reads(package):
    """The oracle is PyYAML's own reader, which may not be the one that is used."""
    paths = list(Path(files.__file__).parents[1].joinpath(package).glob("*.yaml"))
    assert paths and all(files.read_yaml(path) == yaml.safe_load(path.read_text("utf-8")) for path in paths)


def test_what_is_no_yaml_or_would_run_something_is_refused(tmp_path):
    for text in ("a: [1", "a: !!python/object/apply:os.getcwd []"):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(yaml.YAMLError):
            files.read_yaml(tmp_path / "x.yaml")
