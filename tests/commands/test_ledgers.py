"""`persona seal` and `persona check-ledger`."""

from persona_lib import cli


def test_check_ledger_counts_and_finds_damage(house, tmp_path, capsys):
    assert cli.main(house()) == 0
    live, done = tmp_path / "run/ledger/toy-0-of-1.jsonl", tmp_path / "run/toy-0-of-1.parquet"
    assert cli.main(["check-ledger", str(live), str(done)]) == 0
    said = capsys.readouterr().out
    assert "1 live: 400 records, 400 ok, 0 refused" in said and f"{done}: 400 ok" in said
    live.write_bytes(live.read_bytes().replace(b"text 9 ", b"text 8 ", 1))
    assert cli.main(["check-ledger", str(live)]) == 1
    assert "is damaged" in capsys.readouterr().err
