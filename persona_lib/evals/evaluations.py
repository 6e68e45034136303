"""PERSONA Bench cut into samples for another program that asks: what is planned, how one sample is run, what it scores.

Plans, requests, reading of replies and statistics are those of `persona bench`; the program that asks brings only its
way to the models (an `Ask`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from persona_lib.evals.intersections import intersection_statistics
from persona_lib.evals.left_out import left_out_statistics
from persona_lib.measuring.benchmark import benchmark_statistics
from persona_lib.measuring.pass_at_k import pass_at_k_statistics
from persona_lib.measuring.survey import people_shares, survey_statistics
from persona_lib.messages.ask import Ask
from persona_lib.people.personas import attributes_of
from persona_lib.pluralism.grids import panel
from persona_lib.pluralism.steering import gold_statistics
from persona_lib.stages import benchmark, comparison, judging, left_out, pass_at_k, survey
from persona_lib.tables import schema
from persona_lib.tables.streams import generator

CONTESTANT, EXAMINER = "contestant", "examiner"
CORRECT, INCORRECT, NO_ANSWER = "C", "I", "N"
SHOWN = ("pass_rate", "scored", "difference", "calibration")
REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
WHO = {"contestants": [CONTESTANT]}


@dataclass(frozen=True)
class Evaluation:
    """One evaluation.

    Attributes: `plan`, rows to ask about; `unit`, the columns that name a sample; `run`, from rows of a sample and an
    ask to rows of answers; `statistics` of the answers of all samples together; `value` of one answer row, None where
    nothing was scored; `texts`, by prompt_id or item_id what is asked.
    """

    plan: pd.DataFrame
    unit: list[str]
    run: Callable[..., pd.DataFrame]
    statistics: Callable[[pd.DataFrame], pd.DataFrame]
    value: Callable[[dict], bool | None]
    texts: pd.Series

    def samples(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Each sample's name, what is asked, and its rows."""
        by = "prompt_id" if "prompt_id" in self.plan else "item_id"
        for key, rows in self.plan.groupby(self.unit, sort=True):
            yield "|".join(map(str, key)), str(self.texts[rows[by].iloc[0]]), rows.reset_index(drop=True)

    def verdict(self, rows: Sequence[dict]) -> str:
        """`CORRECT` if any answer of a sample passed, `INCORRECT` if none did, `NO_ANSWER` if nothing was scored."""
        values = [found for row in rows if (found := self.value(row)) is not None]
        return NO_ANSWER if not values else CORRECT if any(values) else INCORRECT


def _read(folder: str | Path, *names: str) -> list[pd.DataFrame]:
    return [schema.read(Path(folder) / f"{name}.parquet", name) for name in names]


def _passed(row: dict) -> bool | None:
    """Whether the answer passed with its own persona; what another says of it calibrates the examiner."""
    whose = str(row["persona_id"]).partition(left_out.WITHOUT)[0]
    return bool(row["passed"]) if row["status"] == "ok" and row["critic_persona_id"] == whose else None


def _attempts(
    plan: pd.DataFrame,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    statistics: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    run: Callable[..., pd.DataFrame] = benchmark.run,
    unit: str = "mode",
) -> Evaluation:
    texts = tables[1].set_index("prompt_id")["text"]
    return Evaluation(plan, ["item_id", unit], partial(_asked, run, tables), statistics, _passed, texts)


def _asked(run: Callable[..., pd.DataFrame], tables: tuple, rows: pd.DataFrame, ask: Ask) -> pd.DataFrame:
    return run(rows, *tables, ask=ask)


def main(folder: str | Path, *, n: int, modes: Sequence[str], seed: int) -> Evaluation:
    """Pass rates by mode, their differences and the examiner's calibration: rows `SHOWN` of table `benchmark`."""
    personas, prompts = _read(folder, "personas", "prompts")
    plan = benchmark.plan_benchmark(personas, prompts, n_items=n, modes=modes, seed=seed, **WHO)
    nothing = pd.DataFrame(columns=list(schema.tables()["dropped"].columns))
    nothing = nothing.astype({"is_dropped": "boolean", "is_equivalent": "boolean"})

    def found(rows: pd.DataFrame) -> pd.DataFrame:
        table = benchmark_statistics(rows, nothing)
        return table[table["statistic"].isin(SHOWN) & ~table["group"].str.startswith("all|")]

    return _attempts(plan, (personas, prompts), found)


def intersectionality(folder: str | Path, *, n: int, seed: int) -> Evaluation:
    """Pass rates of groups and of where two of them meet, in mode output_only."""
    personas, prompts = _read(folder, "personas", "prompts")
    mode = left_out.MODE
    plan = benchmark.plan_benchmark(personas, prompts, n_items=n, modes=[mode], seed=seed, **WHO)
    return _attempts(plan, (personas, prompts), partial(intersection_statistics, personas=personas, mode=mode))


def leave_one_out(folder: str | Path, *, n: int, attributes: Sequence[str] | None, seed: int) -> Evaluation:
    """What each attribute adds to the pass rate."""
    personas, prompts = _read(folder, "personas", "prompts")
    plan = left_out.plan_left_out(personas, prompts, n_items=n, attributes=attributes, seed=seed, **WHO)
    return _attempts(plan, (personas, prompts), left_out_statistics, run=left_out.run_left_out, unit="persona_id")


def repeated(folder: str | Path, *, n: int, k: int, seed: int) -> Evaluation:
    """pass@k and the examiner's noise: table `pass_at_k`."""
    personas, prompts = _read(folder, "personas", "prompts")
    plan = pass_at_k.plan_pass_at_k(personas, prompts, n_items=n, n_attempts=k, seed=seed, **WHO)
    return _attempts(plan, (personas, prompts), partial(pass_at_k_statistics, n_attempts=k))


def gold(folder: str | Path, *, n: int, seed: int) -> Evaluation:
    """The gold comparison: the model's choices beside those of the run's raters."""
    names = ("personas", "prompts", "pool_items", "pool_answers", "pool_judgements", "persona_weights")
    personas, prompts, items, answers, judgements, weights = _read(folder, *names)
    plan = comparison.plan_comparison(items, judgements, n_personas=n, seed=seed, **WHO)
    preferred = preferences(judgements, items)

    def right(row: dict) -> bool | None:
        wanted = preferred.get((row["persona_shown_id"], row["item_id"]))
        return row["chosen_answer_id"] == wanted if row["status"] == "ok" and wanted is not None else None

    def run(rows: pd.DataFrame, ask: Ask) -> pd.DataFrame:
        return judging.judge(rows, personas, prompts, answers, ask=ask)

    texts = prompts.set_index("prompt_id")["text"]
    found = partial(gold_rows, judgements=judgements, items=items, personas=personas, weights=weights)
    return Evaluation(plan, ["persona_shown_id", "item_id"], run, found, right, texts)


def preferences(judgements: pd.DataFrame, items: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The answer that more than half of the raters of a persona chose, by persona and item."""
    rated = judgements[(judgements["role"] == "rater") & (judgements["status"] == "ok")]
    share = rated.groupby(["persona_shown_id", "item_id"])["chosen_answer_id"].value_counts(normalize=True)
    return {(key[0], key[1]): key[2] for key, value in share.items() if value > 0.5}


def gold_rows(
    mine: pd.DataFrame, *, judgements: pd.DataFrame, items: pd.DataFrame, personas: pd.DataFrame, weights: pd.DataFrame
) -> pd.DataFrame:
    """gold_comparison of the contestant: what it picks for two personas whose raters prefer opposite answers.

    Parameters
    ----------
    mine : the contestant's choices, columns of table `pool_judgements`
    """
    rated = judgements[judgements["role"] == "rater"]
    both = panel(pd.concat([rated, mine], ignore_index=True), items, personas, weights)
    return pd.DataFrame(gold_statistics(both))


def survey_score(
    folder: str | Path, reference: str | Path, *, n_items: int, n_personas: int, n_oneself: int, seed: int
) -> Evaluation:
    """How near the answers come to those of real people: table `survey`."""
    (personas,) = _read(folder, "personas")
    items, shares = (pd.read_csv(Path(reference) / f"{name}.csv") for name in ("survey_items", "people_shares"))
    sizes = {"n_items": n_items, "n_personas": n_personas, "n_oneself": n_oneself}
    plan = survey.plan_survey(items, personas, panel=[CONTESTANT], **sizes, seed=seed)
    plan = plan.assign(who=plan["asked_as"] + "." + plan["persona_shown_id"] + plan["people"])

    def run(rows: pd.DataFrame, ask: Ask) -> pd.DataFrame:
        return survey.answer(rows.drop(columns="who"), personas, ask=ask)

    texts = items.set_index("item_id")["question"]
    found = partial(survey_rows, personas=personas, items=items, shares=shares, seed=seed)
    return Evaluation(plan, ["item_id", "who", "sample"], run, found, lambda row: row["status"] == "ok" or None, texts)


def survey_rows(
    answers: pd.DataFrame, *, personas: pd.DataFrame, items: pd.DataFrame, shares: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """The statistics of the survey with the shares of real people beside it."""
    party = attributes_of(personas).set_index("person_id")["party"]
    return survey_statistics(answers, party, people_shares(shares, items), rng=generator(seed, "survey.chance"))


def score_left_out(folder: str | Path, settings: Mapping, *, ask: Ask) -> pd.DataFrame:
    """The statistics of leave-one-out from replies that are all there already."""
    return _scored(
        leave_one_out(folder, n=settings["left_out"]["n_items"], attributes=None, seed=settings["seed"]), ask
    )


def score_gold(folder: str | Path, settings: Mapping, *, ask: Ask) -> pd.DataFrame:
    """The gold comparison from replies that are all there already."""
    return _scored(gold(folder, n=settings["comparison"]["n_personas"], seed=settings["seed"]), ask)


def score_survey(folder: str | Path, settings: Mapping, *, ask: Ask) -> pd.DataFrame:
    """The survey's score from replies that are all there already."""
    sizes = {name: settings["survey"][name] for name in ("n_items", "n_personas", "n_oneself")}
    return _scored(survey_score(folder, REFERENCE, **sizes, seed=settings["seed"]), ask)


def _scored(evaluation: Evaluation, ask: Ask) -> pd.DataFrame:
    return evaluation.statistics(evaluation.run(evaluation.plan, ask=ask))
