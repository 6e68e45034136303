"""`inspect eval` with the real package against the simulator. Oracle: `persona bench` on the same answers.

`make test-system` runs this in an environment of its own.
"""

from importlib.metadata import entry_points

import pandas as pd
import pytest
from server_process import REPO, start

inspect_ai = pytest.importorskip("inspect_ai", reason="make test-system installs Inspect apart from all else")

from persona_lib import cli  # noqa: E402
from persona_lib.evals import tasks  # noqa: E402

N = 6


def test_the_entry_point_leads_to_the_tasks():
    (found,) = [one for one in entry_points(group="inspect_ai") if one.name == "persona_lib"]
    assert found.load() is tasks


@pytest.fixture(scope="module")
def address():
    server, port = start()
    yield f"http://127.0.0.1:{port}/v1"
    server.stdin.close()
    server.wait(20)


@pytest.fixture
def evaluate(address, tmp_path, monkeypatch):
    monkeypatch.setenv("SIM_API_KEY", "none")
    monkeypatch.setenv("SIM_BASE_URL", address)

    def run(task):
        roles = {"grader": "openai-api/sim/sim-judge"}
        known = {"log_dir": str(tmp_path / "logs"), "display": "none", "model_roles": roles}
        (log,) = inspect_ai.eval(task, model="openai-api/sim/sim-large", **known)
        assert log.status == "success", log.error
        return log, {name: one.value for name, one in log.results.scores[0].metrics.items()}

    return run


def test_the_scores_are_those_of_persona_bench(evaluate, address, tmp_path, monkeypatch):
    log, found = evaluate(tasks.persona_bench(n=N))
    assert log.eval.task == "persona_lib/persona_bench" and len(log.samples) == N * 4
    monkeypatch.chdir(REPO)
    places = ["--out", str(tmp_path / "out"), "--leaderboard", str(tmp_path / "board")]
    asked = ["--base-url", address, "--model", "sim-large", "--judge", "sim-judge", "--n", str(N), "--yes", "--quiet"]
    assert cli.main(["bench", *asked, *places, "--n-calibration", "2"]) == 0
    (path,) = (tmp_path / "out").glob("*/results.parquet")
    ours = pd.read_parquet(path).set_index(["statistic", "group"])
    for mode in ("baseline", "output_only", "chain_of_thought", "summary"):
        row = ours.loc[("pass_rate", f"contestant|{mode}")]
        for end in ("estimate", "low", "high", "n"):
            name = f"pass_rate contestant|{mode}" + ("" if end == "estimate" else f" {end}")
            assert found[name] == pytest.approx(row[end], rel=1e-9, nan_ok=True), name


@pytest.mark.parametrize(
    ("task", "statistic", "n_samples"),
    [
        (lambda: tasks.persona_loo(n=2, attributes="sex"), "difference contestant|sex", 4),
        (lambda: tasks.persona_intersectionality(n=4), None, 4),
        (lambda: tasks.persona_pass_at_k(n=2, k=2), "pass_at_k contestant|output_only|2", 6),
        (lambda: tasks.persona_comparison(n=2), "gold_comparison contestant|both_right", 20),
        (lambda: tasks.persona_survey(n=2, items=1, oneself=1), "survey_distance contestant|persona|all", None),
    ],
)
def test_every_other_task_ends_with_its_statistics(evaluate, task, statistic, n_samples):
    log, found = evaluate(task())
    assert n_samples is None or len(log.samples) == n_samples
    assert statistic is None or statistic in found, sorted(found)
