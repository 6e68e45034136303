"""What the simulated world answers on average: the values that the analyses should recover.

The truth of a statistic is its expectation over all that its run could have drawn, with the noise integrated. Persons
are drawn anew as the run drew its own: from its census, completed by its own steps, kept by its own rules. Questions
are all that the run kept: those of a split, of the pool and of the benchmark are random samples of them. Answers,
critiques, revisions and summaries are written anew by the functions that wrote the run's. Choices and verdicts are
never drawn: their chances are averaged, raters' tastes among them.

Given, as the statistics take them: the models, the attributes, and how many raters, other persons and attempts a
statistic is about. What notebook 11 says of single items of the pool, and of persons by their likeness to the
majority on it, is also given these items: its intervals resample persons only. Refusals and answers out of form come
independently of what would have been answered, so leaving them out biases nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from persona_lib.simulator import expected, expected_attempts, expected_judges, studies
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.populations import Population, everywhere
from persona_lib.simulator.portraits import drop_chance_on
from persona_lib.simulator.respondents import model
from persona_lib.simulator.roles import HANDLERS, Call
from persona_lib.simulator.runs import Items, Persons, Run, placed
from persona_lib.simulator.truth_of_given import given_truth
from persona_lib.simulator.truth_of_panels import panel_truth
from persona_lib.simulator.truth_of_texts import N_ITEMS, ablation_truth, attempts_truth, pairs_truth, repeated_truth
from persona_lib.simulator.world import Model, load
from persona_lib.tables.schema import attributes
from persona_lib.tables.streams import generator
from persona_lib.tables.values import MODES

N_BATCHES = 10  # independent parts of the integration; their scatter gives its error
N_CONCORDANT = 20_000  # questions drawn for the agreement of summaries
BIASES = ("noise", "position_bias", "verbosity_bias", "self_preference", "refusal_rate", "malformed_rate")


def truth(declared: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame], settings: Mapping) -> pd.DataFrame:
    """Table `truth`: one row per parameter put in, and per statistic that has an expectation.

    Put in: influence of every attribute (its share of the variance of a person's own part), biases and error rates of
    every endpoint, mean utility of the chosen and the rejected answers for the persons they are written for.

    Parameters
    ----------
    declared : who and what the run could have drawn. persons: persona_id and description; prompts: prompt_id and text;
        groups: persona_id, attribute, value, the groups that notebook 11 compares; ablation: attribute, persona_id,
        shown_attributes of short personas. Each is a random sample in random order.
    tables : pool_items and pool_answers of the run
    settings : with seed, endpoints, roles, feedback, personas, pool, benchmark and pass_at_k

    Returns
    -------
    Table `truth`; `standard_error` is the error of the integration, 0 where a sum is exact: the scatter of the ten
    batches over the square root of ten. A batch holds a tenth of the persons, each with questions of its own.

    Raises
    ------
    KeyError
        A rater that is no simulated endpoint: such a run has no known truth.
    """
    run = Run.of(settings)
    batches = [_batch(run, declared, tables, number) for number in range(N_BATCHES)]
    integrated = pd.DataFrame(batches)
    rows = [(*key, values.mean(), values.std(ddof=1) / np.sqrt(values.count())) for key, values in integrated.items()]
    exact = _exact(run) | _dropped(run, declared["prompts"]["text"])
    rows += [(*key, value, 0.0) for key, value in exact.items()]
    found = pd.DataFrame(rows, columns=["statistic", "group", "truth", "standard_error"])
    found["truth"] = found["truth"].mask(found["statistic"] == "corrected", found["truth"].clip(0, 1))
    return found.dropna().reset_index(drop=True)  # a group of which one batch at most holds a person has no row


def spoken(requests: pd.DataFrame) -> pd.DataFrame:
    """Replies to requests (endpoint: a simulated model; template; slots), none of them refused or out of form."""
    said = []
    for number, row in enumerate(requests.itertuples()):
        call = Call(row.slots, model(row.endpoint), hashlib.sha256(f"declared {number}".encode()).digest(), 0)
        said.append(json.loads(HANDLERS[row.template](call)))
    replies = pd.DataFrame({"data": said}, index=requests.index)
    return replies.assign(status="ok", detail="", request_hash="")


def _exact(run: Run) -> Truth:
    """What needs no integration: parameters put in, what summaries drop, and how many calls come to something."""
    found = {(name, alias): float(getattr(who, name)) for alias, who in run.models.items() for name in BIASES}
    roles = run.settings["roles"]
    if run.has_forms(roles["judge"]):
        found |= expected.statuses(run.role("judge"))
    written = (1 - run.role("answerer").refusal_rate) ** 2
    raters = {"raters": roles["raters"], **{alias: alias for alias in roles["panel"]}}
    for group, alias in raters.items():
        if run.has_forms(alias):
            found["scored", group] = written * expected.statuses(run.models[alias])["scored", "all"]
    if run.has_forms(roles["examiner"]):
        found |= _scored_attempts(run)
    return found


def _dropped(run: Run, prompts: pd.Series) -> Truth:
    """What summaries leave out, on average over all questions, and how far the models agree on one question."""
    contestants, e = run.several("contestants"), run.role("examiner").extractor_error
    names = attributes()["attribute"].tolist()
    chances = np.array(
        [[[drop_chance_on(text, name, who) for name in names] for who in contestants.values()] for text in prompts]
    )
    by_model = {
        alias: dict(zip(names, own, strict=True)) for alias, own in zip(contestants, chances.mean(axis=0), strict=True)
    }
    rng = generator(run.seed, "truth.concordance")
    drawn = np.tile(e + (1 - 2 * e) * chances, (max(1, N_CONCORDANT // len(chances)), 1, 1))
    return expected_attempts.dropped(by_model, extractor_error=e) | expected_attempts.concordance(drawn, rng)


def _scored_attempts(run: Run) -> Truth:
    found: Truth = {}
    examined = expected.statuses(run.role("examiner"))["scored", "all"]
    for alias, who in run.several("contestants").items():
        answered = 1 - who.refusal_rate
        steps = {"baseline": answered, "output_only": answered, "summary": answered**2}
        steps["chain_of_thought"] = answered * (1 - who.malformed_rate)
        found |= {("scored", f"{alias}|{mode}"): examined * chance for mode, chance in steps.items()}
    for mode in MODES:
        rates = [found["scored", f"{alias}|{mode}"] for alias in run.several("contestants")]
        found["scored", f"all|{mode}"] = float(np.mean(rates))
    return found


def _batch(run: Run, declared: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame], number: int) -> Truth:
    """Every integrated truth over one tenth of the persons."""
    rng = generator(run.seed, "truth.batch", str(number))
    everyone = declared["persons"].iloc[number::N_BATCHES]
    texts = declared["prompts"]["text"].to_numpy(dtype=object)
    of_persons, of_items = (texts[_in_turn(n, len(texts), number)] for n in (len(everyone), N_ITEMS))
    known = _pool_answers(list(of_items), run.role("answerer"), rng)
    people = Population(load(), _columns(everyone["description"]), **placed(*known))
    persons = Persons(everyone["description"].tolist(), list(of_persons), people, rng)
    n_raters = run.settings["pool"]["n_raters"]
    found = expected.influences(people.parts()) | pairs_truth(run, persons)
    found |= studies.pool_truth(people, run.several("panel"), run.role("raters"), rng, n_raters=n_raters)
    found |= studies.lines_truth(people, run.models[run.settings["roles"]["panel"][0]], rng)
    found |= ablation_truth(run, people, everyone["persona_id"], declared["ablation"], list(texts), rng)
    groups = declared["groups"].groupby(["attribute", "value"])["persona_id"]
    inside = {"|".join(group): everyone["persona_id"].isin(ids).to_numpy() for group, ids in groups}
    n_others = run.settings["personas"]["n"] - 1
    lead = run.models[run.settings["roles"]["panel"][0]]
    found |= expected.majorities(everywhere(people, lead), n_others=n_others, groups=inside)
    n_drawn = run.settings["pool"]["n_panel_personas"]
    found |= panel_truth(
        people, run.several("panel"), run.role("raters"), rng, groups=inside, n_drawn=n_drawn, n_raters=n_raters
    )
    item_ids, given = _given_items(tables)
    chances = everywhere(replace(people, **given), lead)
    found |= expected.item_majorities(chances, item_ids, n_others=n_others)
    found |= attempts_truth(run, persons, chances) | repeated_truth(run, persons)
    found |= given_truth(run, persons, list(of_items), known, generator(run.seed, "truth.given", str(number)))
    return found | expected_judges.corrected(found)


def _in_turn(n: int, n_prompts: int, number: int) -> np.ndarray:
    """Numbers of the prompts of one batch: the batches take turns through all prompts, again and again."""
    return (np.arange(n) * N_BATCHES + number) % n_prompts


def _columns(descriptions: pd.Series) -> dict[str, list[str]]:
    lines = [parse_description(text) for text in descriptions]
    return {name: [own.get(name, "") for own in lines] for name in load().weights}


def _pool_answers(prompts: list[str], who: Model, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """New items: the two answers to every prompt."""
    first = [HANDLERS["answer"](Call({"prompt": text}, who, rng.bytes(32), 0)) for text in prompts]
    second = [
        HANDLERS["answer_divergent"](Call({"prompt": text, "answer": answer}, who, rng.bytes(32), 0))
        for text, answer in zip(prompts, first, strict=True)
    ]
    return first, second


def _given_items(tables: Mapping[str, pd.DataFrame]) -> tuple[list[str], Items]:
    """The items of the run's own pool, those whose two answers exist."""
    texts = tables["pool_answers"].query("status == 'ok'").set_index("answer_id")["text"]
    there = tables["pool_items"][["answer_a_id", "answer_b_id"]].isin(texts.index).all(axis=1)
    items = tables["pool_items"][there]
    answers = (items[column].map(texts).tolist() for column in ("answer_a_id", "answer_b_id"))
    return items["item_id"].tolist(), placed(*answers)
