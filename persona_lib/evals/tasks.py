"""PERSONA Bench as tasks of Inspect [1]_, found by its name: `inspect eval persona_lib/persona_bench`.

    inspect eval persona_lib/persona_bench --model openai-api/mine/NAME --model-role grader=openai-api/judge/NAME

in a clone, with what `persona_lib[inspect]` installs. The model answers as contestant, role `grader` examines: no model
grades itself unless it is told to. Every figure is computed by the functions of `persona bench`, from the same words.

References
----------
.. [1] UK AI Security Institute (2024). Inspect AI: Framework for large language model evaluations. inspect.aisi.org.uk
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
import pandas as pd
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from persona_lib.evals import evaluations
from persona_lib.evals.bridge import ModelAsk
from persona_lib.evals.evaluations import CONTESTANT, EXAMINER, Evaluation
from persona_lib.messages import templates as forms
from persona_lib.messages.ask import Roles
from persona_lib.tables.values import MODES

ROOT = Path(__file__).resolve().parents[2]
TABLES, TEMPLATES = ROOT / "data/expected/demo", ROOT / "data/templates"
SEED = 20240724
ROLES: Roles = {"contestants": [CONTESTANT], "panel": [CONTESTANT], "judge": CONTESTANT, "examiner": EXAMINER}
# Inspect puts the package's name before a task's where it finds a distribution of that name; ours has another one.
PREFIX = "" if "site-packages" in Path(__file__).parts else "persona_lib/"


def _named(name: str) -> Callable:
    return task(name=f"{PREFIX}{name}")


@_named("persona_bench")
def persona_bench(
    n: int = 700, modes: str | Sequence[str] = MODES, seed: int = SEED, tables: str = str(TABLES)
) -> Task:
    """Pass rates by mode: baseline, output_only, chain_of_thought, summary (some of them, with commas between)."""
    return _task(evaluations.main(tables, n=n, modes=_listed(modes), seed=seed))


@_named("persona_loo")
def persona_loo(
    n: int = 100, attributes: str | Sequence[str] = (), seed: int = SEED, tables: str = str(TABLES)
) -> Task:
    """Leave one out: what each attribute (all 33, or those named, with commas between) adds to the pass rate."""
    return _task(evaluations.leave_one_out(tables, n=n, attributes=_listed(attributes) or None, seed=seed))


@_named("persona_intersectionality")
def persona_intersectionality(n: int = 700, seed: int = SEED, tables: str = str(TABLES)) -> Task:
    """Pass rates of groups and of where two groups meet."""
    return _task(evaluations.intersectionality(tables, n=n, seed=seed))


@_named("persona_pass_at_k")
def persona_pass_at_k(n: int = 200, k: int = 5, seed: int = SEED, tables: str = str(TABLES)) -> Task:
    """The chance that one of k answers passes, and how much of its rise is the examiner's noise."""
    return _task(evaluations.repeated(tables, n=n, k=k, seed=seed))


@_named("persona_comparison")
def persona_comparison(n: int = 20, seed: int = SEED, tables: str = str(TABLES)) -> Task:
    """The gold comparison, as n personas: does each get the answer that its raters prefer?"""
    return _task(evaluations.gold(tables, n=n, seed=seed), examined=False)


@_named("persona_survey")
def persona_survey(
    n: int = 80, items: int = 10, oneself: int = 20, seed: int = SEED, tables: str = str(TABLES)
) -> Task:
    """Survey items as n personas, as itself and as shares, beside the answers of real people."""
    sizes = {"n_items": items, "n_personas": n, "n_oneself": oneself}
    return _task(evaluations.survey_score(tables, evaluations.REFERENCE, **sizes, seed=seed), examined=False)


def _listed(named: str | Sequence[str]) -> list[str]:
    """Inspect's command makes a list of what has commas in it, and leaves one name a text."""
    return [named] if isinstance(named, str) else list(named)


def _task(evaluation: Evaluation, *, examined: bool = True) -> Task:
    samples = [
        Sample(input=asked, id=name, target=evaluations.CORRECT, metadata={"rows": records(rows)})
        for name, asked, rows in evaluation.samples()
    ]
    return Task(
        dataset=MemoryDataset(samples),
        solver=_solver(evaluation, examined),
        scorer=_scorer(evaluation),
        config=GenerateConfig(temperature=1.0, max_tokens=1024),
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values of JSON; `frame` is the inverse."""
    return json.loads(table.to_json(orient="records", double_precision=15))


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table; passed may be missing."""
    table = pd.DataFrame(rows)
    return table.astype({"passed": "boolean"}) if "passed" in table else table


def _solver(evaluation: Evaluation, examined: bool) -> Solver:
    """Asks the model, and the grader what it thinks of the answer; the answers' rows stand in the sample's store."""

    @solver(name="persona_answers")
    def persona_answers() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            models = {CONTESTANT: get_model()}
            if examined:
                models[EXAMINER] = get_model(role="grader", required=True)
            ask = ModelAsk(models, ROLES, forms.load(TEMPLATES))
            rows = await anyio.to_thread.run_sync(lambda: evaluation.run(frame(state.metadata["rows"]), ask=ask))
            state.store.set("rows", records(rows))
            return state

        return solve

    return persona_answers()


def _scorer(evaluation: Evaluation) -> Scorer:
    """C, I or N of each sample; the rows that the statistics are computed from are its metadata."""

    @metric(name="statistics")
    def statistics() -> Metric:
        def computed(scores: list[SampleScore]) -> dict[str, float]:
            rows = [row for one in scores for row in (one.score.metadata or {})["rows"]]
            found: dict[str, float] = {}
            for row in evaluation.statistics(frame(rows)).itertuples():
                name = f"{row.statistic} {row.group}"
                found |= {name: row.estimate, f"{name} low": row.low, f"{name} high": row.high, f"{name} n": row.n}
            return found

        return computed

    @scorer(metrics=[statistics()], name="persona")
    def persona() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            rows = state.store.get("rows")
            answer = next((str(row[key]) for row in rows for key in ("answer", "chosen_answer_id") if row.get(key)), "")
            status = ", ".join(sorted({row["status"] for row in rows}))
            return Score(value=evaluation.verdict(rows), answer=answer, explanation=status, metadata={"rows": rows})

        return score

    return persona()
