"""Set-up says in one line what a machine lacks. Oracles: the numbers put in, worked out by hand."""

import types

import pytest

from workflow import setup


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with so much free disk and this Python; set-up on it must stop before it makes anything."""
    monkeypatch.chdir(tmp_path)

    def of(*, free, version=None):
        monkeypatch.setattr(setup.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=free))
        if version is not None:
            text = ".".join(map(str, version))
            monkeypatch.setattr(
                setup, "sys", types.SimpleNamespace(version_info=version, version=text, exit=setup.sys.exit)
            )
        with pytest.raises(SystemExit) as stopped:
            setup.main("env", "requirements.lock", alone=False)
        assert list(tmp_path.iterdir()) == []
        return str(stopped.value)

    return of


def test_an_old_python_is_told_which_is_needed(machine):
    assert machine(free=0, version=(3, 10, 2)).startswith(
        "set-up: Python 3.11 or newer is needed, this is 3.10.2; name"
    )


def test_a_full_disk_is_told_in_gigabytes(machine):
    assert machine(free=3 * 2**29) == "set-up: about 2 GB of disk are needed here, 1.5 GB are free"
