"""`persona census`: files that are named are fetched, errors are one line, the key shows up nowhere."""

import logging
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

from census_server import KEY, WHOLE, answer, page, run, says, whole

from persona_lib import cli


def test_the_console_script_fetches_what_is_named(serve, tmp_path, capsys):
    base, seen = serve(whole)
    words = ["census", "download", "--year", "2018", "--states", "RI", "--kinds", "p", "--quiet"]
    words += ["--to", str(tmp_path), "--base", base]
    assert cli.main(words) == 0 and cli.main(words) == 0
    assert [path for path, _ in seen] == ["/2018/1-Year/csv_pri.zip"]
    said = capsys.readouterr().out
    assert "csv_pri.zip: fetched: 20 records" in said and "already there: 20 records" in said
    assert (tmp_path / "2018/1-Year/csv_pri.zip").read_bytes() == WHOLE


def test_the_console_script_ends_with_one_line(serve, tmp_path):
    base, _ = serve(page(403))
    words = ["census", "download", "--year", "2018", "--states", "ri", "--to", str(tmp_path), "--base", base, "--quiet"]
    done = subprocess.run([sys.executable, "-m", "persona_lib.cli", *words], capture_output=True, text=True)
    said = done.stderr.strip()
    assert done.returncode == 1 and said.startswith("persona: http") and "\n" not in said
    assert "blocks this client" in said


def test_the_key_is_sent_and_shows_up_nowhere(serve, tmp_path, monkeypatch, caplog, capsys):
    monkeypatch.setenv("MY_CENSUS_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    base, seen = serve(answer)
    assert run(base, tmp_path, "--key-variable", "MY_CENSUS_KEY", "--no-replicates") == 0
    base, _ = serve(says(400, f"bad request: key {KEY}".encode()))
    assert run(base, tmp_path, "--key-variable", "MY_CENSUS_KEY") == 1
    assert parse_qs(urlsplit(seen[0][0]).query)["key"] == [KEY] and len(seen) == 2
    said = capsys.readouterr()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in said.out + said.err + caplog.text and KEY.encode() not in written
