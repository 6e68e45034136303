"""`persona seal` and `persona check-ledger`."""

from toy_run import N

from persona_lib import cli


def test_check_ledger_counts_and_finds_damage(house, tmp_path, capsys):
    assert cli.main(house()) == 0
    live, done = tmp_path / "run/ledger/toy-0-of-1.jsonl", tmp_path / "run/toy-0-of-1.parquet"
    assert cli.main(["check-ledger", str(live), str(done)]) == 0
    said = capsys.readouterr().out
    assert f"1 live: {2 * N + 1} records, {2 * N + 1} ok, 0 refused" in said and f"{done}: {2 * N} ok" in said
    live.write_bytes(live.read_bytes().replace(b"text 9 ", b"text 8 ", 1))
    assert cli.main(["check-ledger", str(live)]) == 1
    assert "is damaged" in capsys.readouterr().err


def test_seal_says_how_many_requests_of_how_many_shards_and_what_is_no_shard(house, tmp_path, capsys):
    for shard in range(2):
        assert cli.main(house(shard=shard, of=2)) == 0
    shards = [str(tmp_path / f"run/toy-{shard}-of-2.parquet") for shard in range(2)]
    capsys.readouterr()
    assert cli.main(["seal", *shards, "--out", str(tmp_path / "toy.parquet")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'toy.parquet'}: {2 * N} requests of 2 shards\n"
    assert cli.main(["seal", str(tmp_path / "texts.csv"), "--out", str(tmp_path / "x.parquet")]) == 1
    assert "texts.csv" in capsys.readouterr().err and not (tmp_path / "x.parquet").exists()
