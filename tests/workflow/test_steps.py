"""What `make paper` shows of a run. Oracles: hand counts, the events that Snakemake's own interface names."""

import logging
import types

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from workflow import steps


@pytest.fixture
def handler(tmp_path):
    """A handler of a run whose logs are in `tmp_path`, on a clock that the test moves."""

    def make(**common):
        settings = {"quiet": None, "show_failed_logs": False, "dryrun": False} | common
        return steps.LogHandler(types.SimpleNamespace(**settings), steps.LogHandlerSettings(logs=tmp_path))

    return make


@pytest.fixture
def clock(monkeypatch):
    """Stands still until it is told."""
    found = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(steps.time, "monotonic", lambda: found.now)
    return found


JOB = {
    "local": True,
    "is_checkpoint": False,
    "input": [],
    "output": [],
    "benchmark": None,
    "reason": "",
    "indent": False,
}
JOB |= {"wildcards": {}, "priority": 0, "threads": 1, "resources": {}}
FAULT = {"msg": None, "conda_env": None, "shellcmd": None, "aux": {}, "input": [], "output": [], "indent": False}


def told(handler, message, level=logging.INFO, **facts):
    record = logging.LogRecord("snakemake", level, "", 0, message, (), None)
    vars(record).update(facts)
    handler.emit(record)


def begin(handler, number, rule, message, **more):
    told(handler, "", event=LogEvent.JOB_INFO, jobid=number, rule_name=rule, rule_msg=message, log=[], **(JOB | more))


def end(handler, number):
    told(handler, "finished", event=LogEvent.JOB_FINISHED, job_id=number)


def fail(handler, number, rule, log):
    facts = {"event": LogEvent.JOB_ERROR, "jobid": number, "rule_name": rule, "rule_msg": None, "log": [str(log)]}
    told(handler, "Error in rule", logging.ERROR, **(FAULT | facts))


def planned(handler, **stats):
    told(handler, "Job stats", event=LogEvent.RUN_INFO, stats={"all": 1, **stats, "total": sum(stats.values()) + 1})


class TestLines:
    def test_one_line_a_finished_step_with_its_time_and_the_time_left(self, handler, clock, capsys, tmp_path):
        """By hand: of three steps of 10 s each, one after the other, 20 and then 10 s are left."""
        (tmp_path / steps.MEASURED).write_text("rule,seconds\ncensus,10\npopulation,10\nfeedback,10\n")
        shown = handler()
        planned(shown, census=1, population=1, feedback=1)
        for number, rule in enumerate(("census", "population", "feedback")):
            begin(shown, number, rule, f"0{number} {rule}")
            clock.now += 10
            end(shown, number)
        shown.close()
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines == [
            ["1/3", "00", "census", "0:10", "about", "0:20", "left"],
            ["2/3", "01", "population", "0:10", "about", "0:10", "left"],
            ["3/3", "02", "feedback", "0:10"],
        ]

    def test_shards_are_numbered_where_there_are_several(self, handler, clock, capsys):
        shown = handler()
        planned(shown, collect_pool=2)
        begin(shown, 1, "collect_pool", "collect pool, shard 0 of 1")
        begin(shown, 2, "collect_pool", "collect pool, shard 0 of 16")
        end(shown, 1)
        end(shown, 2)
        said = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()]
        assert said == ["collect pool", "collect pool, shard 0 of 16"]

    def test_no_control_characters_where_there_is_no_terminal(self, handler, clock, capsys, monkeypatch):
        for is_terminal in (False, True):
            monkeypatch.setattr(steps.sys.stdout, "isatty", lambda found=is_terminal: found, raising=False)
            shown = handler()
            planned(shown, census=1)
            begin(shown, 1, "census", "01 census")
            end(shown, 1)
            assert (steps.CLEAR in capsys.readouterr().out) == is_terminal

    def test_what_steps_took_is_what_the_next_run_expects(self, handler, clock, tmp_path):
        (tmp_path / steps.MEASURED).write_text("rule,seconds\ncensus,7\ntruth,9\n")
        shown = handler()
        planned(shown, census=2)
        for number, seconds in ((1, 2.0), (2, 4.0)):
            begin(shown, number, "census", "01 census")
            clock.now += seconds
            end(shown, number)
        shown.close()
        assert steps.seconds(tmp_path / steps.MEASURED) == {"census": 3.0, "truth": 9.0}

    def test_nothing_to_do_is_said(self, handler, capsys):
        shown = handler()
        for _ in range(2):  # as logging does at the end
            shown.close()
        assert capsys.readouterr().out == "nothing to do: every step is up to date\n"


class TestFaults:
    def test_a_step_that_fails_is_told_by_its_own_last_message(self, handler, capsys, tmp_path):
        (tmp_path / "05.log").write_text("notebooks/05_feedback.ipynb: cell 3: AssertionError: no pairs\n\nmore\n")
        shown = handler()
        planned(shown, feedback=1)
        begin(shown, 1, "feedback", "05 feedback")
        fail(shown, 1, "feedback", tmp_path / "05.log")
        told(shown, "At least one job did not complete", logging.ERROR, event=LogEvent.ERROR)
        shown.close()
        said = capsys.readouterr().err.strip()
        assert said == "stopped: 05 feedback: notebooks/05_feedback.ipynb: cell 3: AssertionError: no pairs"
        assert "At least one job did not complete" in (tmp_path / steps.SAID).read_text("utf-8")

    def test_what_stops_snakemake_before_any_step_is_told(self, handler, capsys):
        shown = handler()
        told(shown, "config: sead: unknown; did you mean seed?", logging.ERROR, event=LogEvent.ERROR)
        shown.close()
        assert capsys.readouterr() == ("", "\nconfig: sead: unknown; did you mean seed?\n")

    def test_what_steps_die_of_after_ctrl_c_is_no_news(self, handler, capsys, tmp_path):
        shown = handler()
        planned(shown, feedback=1)
        begin(shown, 1, "feedback", "05 feedback")
        shown.is_interrupted = True
        fail(shown, 1, "feedback", tmp_path / "none.log")
        shown.close()
        assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notebooks/01.ipynb: cell 4: PumsError: no zip\n\ncopy: x\n", "notebooks/01.ipynb: cell 4: PumsError: no zip"),
        (
            "2026-01-01 10:00:00,001 INFO persona: 3 requests\n"
            "2026-01-01 10:00:00,002 ERROR persona_lib.cli: endpoint mine: its key is not set; export MY_KEY=...\n"
            "Traceback\n",
            "endpoint mine: its key is not set; export MY_KEY=...",
        ),
        ("Traceback\n  File x\nKeyError: 'a'\n\n", "KeyError: 'a'"),
        ("", "it left no message"),
    ],
)
def test_the_last_message_of_a_log(tmp_path, text, message):
    (tmp_path / "a.log").write_text(text, "utf-8")
    assert steps.last_message([tmp_path / "a.log"]) == message
    assert steps.last_message([]) == steps.last_message([tmp_path / "none.log"]) == "it left no message"


class TestTimeLeft:
    def test_durations_are_read_like_a_clock(self):
        assert [steps.clock(s) for s in (14.4, 59.6, 100, 3725)] == ["0:14", "1:00", "1:40", "1:02:05"]

    def test_the_rest_takes_as_long_for_its_size_as_what_is_done(self):
        """By hand: 10 of 40 usual seconds took 20, so the other 30 take 60; twice as fast where two ran at once."""
        plan, usual = {"a": 1, "b": 3}, {"a": 10.0, "b": 10.0}
        assert steps.left_s(plan, {"a": [20.0]}, [], usual=usual, elapsed_s=20.0) == pytest.approx(60)
        assert steps.left_s(plan, {"a": [20.0], "b": [20.0]}, [], usual=usual, elapsed_s=20.0) == pytest.approx(20)

    def test_what_runs_counts_as_far_as_it_has_come_and_at_most_whole(self):
        """By hand: a took 10 s, as usual; b of usual 20 s has run for 10, then for 50; c of 10 s waits."""
        plan, usual = {"a": 1, "b": 1, "c": 1}, {"a": 10.0, "b": 20.0, "c": 10.0}
        left = [steps.left_s(plan, {"a": [10.0]}, [("b", s)], usual=usual, elapsed_s=10 + s) for s in (10.0, 50.0)]
        assert left == pytest.approx([20 * 20 / 20, 60 * 10 / 30])

    def test_an_unknown_rule_takes_the_mean_of_the_known(self):
        plan = {"a": 1, "b": 1, "new": 1}
        found = steps.left_s(plan, {"a": [10.0], "b": [30.0]}, [], usual={"a": 10.0, "b": 30.0}, elapsed_s=40.0)
        assert found == pytest.approx(20)

    def test_every_rule_of_the_snakefile_that_is_expected_exists(self):
        from programs import snakefile_rules

        assert set(steps.usual_seconds(0, 2)) <= set(snakefile_rules())

    def test_what_is_usual_lies_between_the_demo_and_the_paper(self, tmp_path, monkeypatch):
        """By hand: half way from 10 to 110 is 60; as many steps in twice the shards take half; never below a tenth."""
        monkeypatch.setattr(steps, "USUAL", tmp_path / "usual.csv")
        steps.USUAL.write_text("rule,demo,paper\ncollect_pool,10,110\npool,10,110\n")
        assert steps.usual_seconds(0, 2) == {"collect_pool": 10, "pool": 10}
        assert steps.usual_seconds(0.5, 4) == {"collect_pool": 30, "pool": 60}
        assert steps.usual_seconds(-1, 2) == {"collect_pool": 1, "pool": 1}

    def test_a_larger_run_expects_more_of_its_long_steps(self, handler, clock, capsys, tmp_path, monkeypatch):
        """By hand: of usual 10 and 40 s at the size 1 the first took 20, so 80 are left; at the size 0 it is 20."""
        monkeypatch.setattr(steps, "USUAL", tmp_path / "usual.csv")
        steps.USUAL.write_text("rule,demo,paper\ncensus,10,10\nfeedback,10,40\n")
        for size in (0.0, 1.0):
            clock.now = 100.0
            settings = steps.LogHandlerSettings(logs=tmp_path, size=size)
            common = types.SimpleNamespace(quiet=None, show_failed_logs=False, dryrun=False)
            shown = steps.LogHandler(common, settings)
            planned(shown, census=1, feedback=1)
            begin(shown, 1, "census", "01 census")
            clock.now += 20
            end(shown, 1)
        lefts = [line.split()[-2] for line in capsys.readouterr().out.splitlines()]
        assert lefts == ["0:20", "1:20"]
