"""`persona truth`: bad input is one line, and no other command waits for what it draws from."""

import subprocess
import sys

import pytest

from persona_lib import cli


@pytest.mark.parametrize(
    ("settings", "read", "message"),
    [
        ("none.json", [], "--settings: none.json: no such file, and not JSON"),
        (
            '{"seed": 1, "mode": "simulate", "roles": {}, "endpoints": {}}',
            ["--read", "census=no.parquet"],
            "no.parquet",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, settings, read, message):
    monkeypatch.chdir(tmp_path)
    status = cli.main(["truth", "--settings", settings, "--out", "truth.parquet", *read])
    said = capsys.readouterr().err
    assert status == 1 and message in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_the_console_script_imports_no_statistics():
    """Each of a run's collections starts it: statsmodels alone would cost a second of processor time."""
    program = "import sys, persona_lib.cli; print([n for n in ('statsmodels', 'matplotlib') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
