"""`persona collect`: kill -9 and resume, sealed bytes, replay, one writer, one-line errors, no key anywhere."""

import json
import random
import signal
import socket
import time
from contextlib import nullcontext

import pandas as pd
import pytest
from serving import Serving
from toy_run import KEY, MARKER, ROOT, SIMULATED, N, answered, started

from persona_lib import cli
from persona_lib.commands import collect
from persona_lib.ledger import sealed
from persona_lib.ledger.replay import replay
from persona_lib.messages import templates
from persona_lib.tables.streams import shard_of


class TestCollect:
    def test_kill_9_and_resume_pays_nothing_durable_twice_and_seals_the_same_bytes(self, house, server, tmp_path):
        assert cli.main(house("calm")) == 0
        server.calls.clear()
        server.delay_s = 0.02
        rng, n_kills, safe = random.Random(3), 0, set()
        for _ in range(4):
            run, enough = started(house("killed")), sum(server.calls.values()) + rng.randrange(10, 50)
            while run.poll() is None and sum(server.calls.values()) < enough:
                time.sleep(0.01)
            if run.poll() is None:
                run.send_signal(signal.SIGKILL)
                n_kills += 1
            run.communicate()
            time.sleep(0.1)
            now = answered(tmp_path / "killed" / "ledger")
            assert safe <= now, "an answer was lost after it was durable"
            safe = now
            before = {key: server.calls[key] for key in safe}
            if run.returncode == 0:
                break
        server.delay_s = 0
        assert cli.main(house("killed")) == 0
        assert n_kills >= 2 and safe, "the oracle: it was killed, and after something was durable"
        assert {key: server.calls[key] for key in safe} == before, "a durable answer was asked for again"
        assert len(server.calls) == 2 * N
        sealed_as = "toy-0-of-1.parquet"
        assert (tmp_path / "killed" / sealed_as).read_bytes() == (tmp_path / "calm" / sealed_as).read_bytes()

    def test_sealed_bytes_are_the_same_whatever_the_shards_and_the_concurrency(self, house, tmp_path):
        made = []
        for of, concurrency in ((1, 1), (1, 32), (3, 4), (2, 8)):
            name = f"{of}-{concurrency}"
            for shard in range(of):
                assert cli.main(house(name, shard=shard, of=of, concurrency=concurrency)) == 0
            shards = [str(tmp_path / name / f"toy-{shard}-of-{of}.parquet") for shard in range(of)]
            assert cli.main(["seal", *shards, "--out", str(tmp_path / name / "toy.parquet")]) == 0
            made.append((tmp_path / name / "toy.parquet").read_bytes())
        assert len(set(made)) == 1
        assert sealed.check(tmp_path / "1-1" / "toy.parquet")["ok"] == 2 * N

    def test_another_number_of_shards_goes_on_where_the_first_stopped(self, house, server):
        for shard in range(3):
            assert cli.main(house(shard=shard, of=3)) == 0
        assert cli.main(house()) == 0
        assert set(server.calls.values()) == {1} and len(server.calls) == 2 * N

    def test_replay_gives_what_live_gave_and_asks_nobody(self, house, server, tmp_path):
        assert cli.main(house()) == 0
        whole = (tmp_path / "run" / "toy-0-of-1.parquet").read_bytes()
        server.calls.clear()
        assert cli.main(house(mode="replay")) == 0
        assert (tmp_path / "run" / "toy-0-of-1.parquet").read_bytes() == whole and not server.calls
        ask = replay(tmp_path / "run" / "toy-0-of-1.parquet")
        texts = pd.read_csv(tmp_path / "texts.csv", dtype=str)["text"]
        rows = pd.DataFrame({"endpoint": "large", "template": "answer", "slots": [{"prompt": t} for t in texts]})
        assert ask(rows)["text"].tolist() == texts.tolist()

    def test_a_replay_miss_is_one_line(self, house, tmp_path, capsys):
        assert cli.main(house()) == 0
        changed = (tmp_path / "texts.csv").read_text().replace("text 7 ", "text 7, ", 1)
        (tmp_path / "texts.csv").write_text(changed.replace("q7,text 7, {{prompt}} é", 'q7,"text 7, {{prompt}} é"'))
        capsys.readouterr()
        assert cli.main(house(mode="replay")) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "toy-0-of-1.jsonl: no answer to request" in said
        assert "differs first in message 1 at character 6: asked 'text 7, {{prompt}} é'" in said

    def test_two_processes_on_one_ledger(self, house, server, capsys):
        server.delay_s = 0.2
        with started(house(concurrency=1)) as first:
            while not server.calls:
                assert first.poll() is None, first.stderr.read()
                time.sleep(0.05)
            assert cli.main(house()) == 1
            assert f"process {first.pid} on {socket.gethostname()} writes to it" in capsys.readouterr().err
            first.kill()
        server.delay_s = 0
        assert cli.main(house()) == 0

    def test_ctrl_c_ends_with_one_line_and_can_go_on(self, house, server, tmp_path):
        server.delay_s = 0.1
        with started(house()) as run:
            while sum(server.calls.values()) < 30:
                assert run.poll() is None, run.stderr.read()
                time.sleep(0.05)
            run.send_signal(signal.SIGINT)
            said = run.communicate(timeout=20)[1]
        assert run.returncode == 130
        estimate, said = said.split("\n", 1)
        assert f"toy 0 of 1: {2 * N + 1} calls to make, price unknown" in estimate, "one of them checks the endpoint"
        assert said == "persona: interrupted; what was answered is kept, the same command goes on\n"
        assert not (tmp_path / "run" / "toy-0-of-1.parquet").exists()
        safe = answered(tmp_path / "run" / "ledger")
        assert len(safe) >= 20
        server.delay_s, before = 0, {key: server.calls[key] for key in safe}
        assert cli.main(house()) == 0
        assert {key: server.calls[key] for key in safe} == before
        assert set(server.calls.values()) == {1}, "what was under way was waited for, and is not paid for again"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_the_end_of_a_job_or_session_is_like_ctrl_c(self, house, server, number):
        """The oracle is the server's own count: what was under way has been waited for."""
        server.delay_s = 0.2
        with started(house()) as run:
            while sum(server.calls.values()) < 20:
                assert run.poll() is None, run.stderr.read()
                time.sleep(0.05)
            for one in (number, *{signal.SIGTERM, signal.SIGHUP} - {number}):  # some who end a job send both
                run.send_signal(one)
                time.sleep(0.05)
            assert "interrupted; what was answered is kept" in run.communicate(timeout=20)[1]
        assert run.returncode == 130
        server.delay_s = 0
        assert cli.main(house()) == 0 and set(server.calls.values()) == {1}

    def test_processes_share_what_the_endpoint_bears_at_once(self, house, server):
        """The oracle is the server's own count of the calls under way, but for a moment after another has come."""
        server.delay_s = 0.25
        runs = [started(house(shard=shard, of=4, concurrency=6)) for shard in range(4)]
        for run in runs:
            run.communicate(timeout=60)
        assert [run.returncode for run in runs] == [0] * 4 and len(server.calls) == 2 * N
        came: dict[int, float] = {}
        for at, text, _ in server.seen:
            came.setdefault(shard_of(f"q{text.split()[1]}", 4), at)
        settled = [n for at, _, n in server.seen if not any(0 <= at - first < 1.5 for first in came.values())]
        assert len(came) == 4 and len(settled) > 20 and 4 <= max(settled) <= 6

    def test_a_stage_that_gets_nothing_usable_stops_and_goes_on_where_it_may(self, house, server, capsys, tmp_path):
        """Oracle: the server's own count; of the calls under way at the 25th reply some more come home."""
        server.finish = "length"
        assert cli.main(house()) == 1
        said = capsys.readouterr().err
        assert "replies to one step too few can be used (25 cut off)" in said and "raise max_tokens in endp" in said
        assert 25 <= sum(server.calls.values()) < 60 and not (tmp_path / "run" / "toy-0-of-1.parquet").exists()
        endpoints = json.loads(house()[house().index("--settings") + 1])["endpoints"]
        endpoints["large"] |= {"least_usable": 0}
        assert cli.main(house(endpoints=endpoints)) == 0
        said = capsys.readouterr().err
        assert f"toy 0 of 1: {N} requests: 0 ok, 0 refused, {N} cut off, 0 unparsed, 0 not taken, 0 failed" in said
        assert "raise max_tokens" in said and set(server.calls.values()) == {1}

    def test_the_end_says_what_became_of_the_requests_and_who_answered(self, house, capsys):
        assert cli.main(house()) == 0
        said = capsys.readouterr().err.splitlines()[1:]
        assert said == [
            f"persona: toy 0 of 1: {2 * N} requests: {2 * N} ok, 0 refused, 0 cut off, 0 unparsed, 0 not taken, "
            "0 failed",
            f"persona: toy 0 of 1: large: replies by m@1: {2 * N}",
            "persona: toy 0 of 1: endpoint large was asked for m, but m@1 answered",
        ]

    def test_what_was_cut_off_is_asked_again_on_demand_and_the_old_replies_stay(self, house, server, tmp_path, capsys):
        """Oracle: the server's own count, and the lines of the ledger."""
        endpoints = json.loads(house()[house().index("--settings") + 1])["endpoints"]
        endpoints["large"] |= {"least_usable": 0}
        server.finish = "length"
        assert cli.main(house(endpoints=endpoints)) == 0
        server.finish = "stop"
        server.calls.clear()
        assert cli.main([*house(endpoints=endpoints), "--ask-again", "cut_off"]) == 0
        assert len(server.calls) == 2 * N and set(server.calls.values()) == {1}
        assert pd.read_parquet(tmp_path / "run/toy-0-of-1.parquet")["status"].eq("ok").all()
        lines = (tmp_path / "run" / "ledger" / "toy-0-of-1.jsonl").read_text("utf-8")
        assert lines.count('"status":"cut_off"') == N + 1, "the check before the first call was cut off too"
        assert lines.count('"again":true') == 2 * N + 1, "and was made again"
        server.calls.clear()
        assert cli.main(house(endpoints=endpoints)) == 0 and not server.calls, "the new replies count from then on"
        assert cli.main(["check-ledger", str(tmp_path / "run" / "ledger" / "toy-0-of-1.jsonl")]) == 0
        assert f"{2 * N + 1} asked again" in capsys.readouterr().out
        assert cli.main([*house(mode="replay"), "--ask-again", "unparsed"]) == 1
        assert "--ask-again: mode is replay, which asks nobody" in capsys.readouterr().err

    def test_a_cap_stops_the_run_before_it_is_passed_and_raising_it_goes_on(self, house, server, capsys, tmp_path):
        """The oracle of the cost: the server's own counts at gpt-4's USD 30 and 60 per million tokens."""
        endpoints = json.loads(house()[house().index("--settings") + 1])["endpoints"]
        endpoints["large"] |= {"price": "gpt-4", "parameters": {"max_tokens": 100}}
        arguments = house(endpoints=endpoints)

        def paid():
            return sum(n * len(text) * 90 / 1e6 for (text, _), n in server.calls.items())

        assert cli.main([*arguments, "--cap-usd", "0.2"]) == 1
        said = capsys.readouterr().err
        assert f"{2 * N + 1} calls to make, USD " in said and "the run is capped at USD 0.20" in said
        assert "the spending cap is reached" in said and "the same command goes on" in said
        assert 0.15 < paid() <= 0.2 and not (tmp_path / "run" / "toy-0-of-1.parquet").exists()
        assert cli.main([*arguments, "--cap-usd", "0.2"]) == 1 and paid() <= 0.2
        assert cli.main([*arguments, "--cap-usd", "3"]) == 0
        assert set(server.calls.values()) == {1}, "nothing was paid for twice"
        assert cli.main([*house(), "--cap-usd", "3"]) == 1
        assert "the price of endpoint large is not known" in capsys.readouterr().err

    @pytest.mark.parametrize("fault", [None, 401, 400, 404, 500])
    def test_no_key_in_any_file_or_stream(self, house, server, tmp_path, capfd, monkeypatch, fault):
        """Nor what the variables of headers and query hold: the server says all of it again, in replies and errors."""
        monkeypatch.setenv("MARKED", MARKER)
        server.echo_all, server.fault = True, fault
        endpoints = json.loads(house()[house().index("--settings") + 1])["endpoints"]
        endpoints["large"] |= {"headers": {"api-key": "${MARKED}"}, "query": {"sig": "x${MARKED}"}}
        assert cli.main(house(endpoints=endpoints)) == (fault is not None)
        assert MARKER in server.heard and KEY in server.heard, "the oracle: they were really sent"
        said = capfd.readouterr()
        files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
        assert len(files) >= 4
        for secret in (KEY, MARKER):
            assert not [path for path in files if secret.encode() in path.read_bytes()]
            assert secret not in said.out + said.err

    def test_failures_are_told_and_asked_again_by_the_same_command(self, house, server, tmp_path, capsys):
        """The oracle is the server's count: the second run asks for the failed text alone, and for what follows it."""
        server.failing = "text 7 "
        assert cli.main(house()) == 0
        said = capsys.readouterr().err
        assert f"toy 0 of 1: {2 * N - 1} requests: {2 * N - 2} ok, " in said and ", 1 failed\n" in said
        assert "toy 0 of 1: to ask again for what failed: this command once more" in said
        assert "or python -m workflow.paper --run RUN -- --forcerun collect_toy" in said
        server.failing = ""
        server.calls.clear()
        assert cli.main(house()) == 0
        assert {text for text, _ in server.calls} == {"text 7 {{prompt}} é"} and set(server.calls.values()) == {1}
        assert ", 0 failed\n" in capsys.readouterr().err
        assert pd.read_parquet(tmp_path / "run/toy-0-of-1.parquet")["status"].eq("ok").all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mode": "simulate"}, "mode is simulate, but endpoint large is not the simulator; set mode: live"),
            ({"mode": "guess"}, "mode 'guess' is none of simulate, live, replay"),
            ({"roles": {"answerer": "gpt"}}, "roles.answerer: 'gpt' is no endpoint; endpoints are large"),
            ({"shard": 1}, "shard 1 of 1: shards are numbered 0 to 0"),
        ],
    )
    def test_settings_that_cannot_be(self, house, capsys, server, change, message):
        assert cli.main(house(**change)) == 1
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1 and not server.calls

    def test_endpoints_that_no_role_names_do_not_matter(self, house, tmp_path):
        # a configuration of one's own is merged with the demo's, whose endpoints stay in it
        settings = json.loads(house()[house().index("--settings") + 1])
        assert cli.main(house(endpoints={**settings["endpoints"], "spare": SIMULATED | {"key_variable": "NONE"}})) == 0
        facts = sealed.facts(tmp_path / "run/toy-0-of-1.parquet")
        assert facts["simulated"] is False and list(facts["endpoints"]) == ["large"]

    def test_a_missing_key_is_named(self, house, capsys, monkeypatch):
        monkeypatch.delenv("TEST_KEY")
        assert cli.main(house()) == 1
        assert capsys.readouterr().err.endswith("\npersona: endpoint large: its key is not set; export TEST_KEY=...\n")

    def test_unknown_stage_table_and_file(self, house, capsys, tmp_path):
        for old, new, message in (
            ("toy", "toys", "no stage 'toys'; stages are personas, prompts"),
            (f"texts={tmp_path / 'texts.csv'}", "texts=no.csv", "--read texts: no.csv: no such file"),
            (f"texts={tmp_path / 'texts.csv'}", "texts", "--read texts: must be NAME=FILE"),
            (f"texts={tmp_path / 'texts.csv'}", "texts=a.xlsx", "--read texts: a.xlsx: no such file"),
            (f"texts={tmp_path / 'texts.csv'}", f"texts={__file__}", "must be .parquet, .csv, .csv.gz or .jsonl"),
            (f"texts={tmp_path / 'texts.csv'}", "pairs=no.parquet", "no.parquet: no such file; table pairs is written"),
            (str(tmp_path / "templates"), str(tmp_path), "no template (*.yaml) in this folder"),
        ):
            assert cli.main([new if part == old else part for part in house()]) == 1
            said = capsys.readouterr().err
            assert message in said and said.count("\n") == 1

    @pytest.mark.parametrize(
        ("table", "whence"),
        [
            ("personas", "it is written by notebook 03_personas, rule personas"),
            ("bank", "the Snakefile's rule of this command names its file"),
        ],
    )
    @pytest.mark.parametrize("mode", ["live", "simulate"])
    def test_a_table_that_a_stage_needs_and_was_not_given(self, house, capsys, table, whence, mode):
        stage = {"personas": "pass_at_k", "bank": "prompts"}[table]
        one = {"large": SIMULATED} if mode == "simulate" else {}
        changes = {"endpoints": one} if one else {}
        roles = {"contestants": ["large"], "examiner": "large", "classifier": "large"}
        arguments = house(
            mode=mode, roles=roles, pass_at_k={"n_items": 2, "n_attempts": 1}, prompts={"n_classified": None}, **changes
        )
        at = arguments.index("--read")
        arguments = [stage if part == "toy" else part for part in arguments[:at] + arguments[at + 2 :]]
        assert cli.main(arguments) == 1
        said = capsys.readouterr().err
        assert said == f"persona: --read {table}=FILE is missing: this command needs table {table}; {whence}\n"


class TestSimulator:
    @pytest.fixture
    def simulated(self, house, tmp_path):
        shipped = templates.load(ROOT / "data" / "templates")["answer"]
        (tmp_path / "templates" / "answer.yaml").write_text((ROOT / "data/templates/answer.yaml").read_text("utf-8"))
        subjects = ["meat", "zoos", "wine", "flags", "rent", "dogs", "cars", "milk", "maps", "guns"]
        lines = [f"q{i},Should {subject} be taxed more?" for i, subject in enumerate(subjects)]
        (tmp_path / "texts.csv").write_text("\n".join(["id,text", *lines]))
        assert shipped.slots == ("prompt",)
        return lambda *name, **changes: house(
            *name, **{"mode": "simulate", "endpoints": {"large": SIMULATED}, **changes}
        )

    def test_inside_and_over_a_socket_the_same_bytes_and_in_any_order_the_same_answers(
        self, simulated, tmp_path, monkeypatch
    ):
        from persona_lib.simulator import VERSION

        assert cli.main(simulated("inside")) == 0
        with Serving() as served, monkeypatch.context() as patch:
            patch.setattr(collect, "simulator", lambda *_: nullcontext({"simulator": served.url}))
            assert cli.main(simulated("over")) == 0
        inside, over = (tmp_path / name / "toy-0-of-1.parquet" for name in ("inside", "over"))
        texts = (tmp_path / "texts.csv").read_text().split("\n")
        (tmp_path / "texts.csv").write_text("\n".join([texts[0], *texts[:0:-1]]))
        alone = {"large": {**SIMULATED, "concurrency": 1}}
        assert cli.main(simulated("backwards", endpoints=alone)) == 0
        backwards = pd.read_parquet(tmp_path / "backwards" / "toy-0-of-1.parquet")
        pd.testing.assert_frame_equal(backwards, pd.read_parquet(inside))
        assert inside.read_bytes() == over.read_bytes() and b"127.0.0.1" not in over.read_bytes()
        facts = sealed.facts(inside)
        assert facts["simulated"] is True
        assert facts["endpoints"]["large"]["base_url"] == "simulator"
        assert facts["endpoints"]["large"]["model"] == f"sim-large@{VERSION}"
        assert pd.read_parquet(inside)["status"].eq("ok").any()

    def test_another_world_is_refused(self, simulated, capsys):
        assert cli.main(simulated(world="another")) == 1
        assert "settings are for world another, but the simulator is" in capsys.readouterr().err
