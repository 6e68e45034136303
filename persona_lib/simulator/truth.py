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
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import pandas as pd

from persona_lib.simulator import expected, studies
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.populations import Population, by_content, everywhere
from persona_lib.simulator.portraits import drop_chance
from persona_lib.simulator.respondents import accept, model
from persona_lib.simulator.roles import HANDLERS, Call
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import Model, load
from persona_lib.tables.schema import attributes
from persona_lib.tables.streams import generator
from persona_lib.tables.values import MODES, PLACEBO

N_BATCHES = 10  # independent parts of the integration; their scatter gives its error
N_ITEMS = 80  # pool items written in a batch
LEAST_TRIED = 45  # persons of a batch who attempt the benchmark
BIASES = ("noise", "position_bias", "verbosity_bias", "self_preference", "refusal_rate", "malformed_rate")
TEMPLATES = {"output_only": "answer_output_only", "chain_of_thought": "answer_chain_of_thought"}


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
    run = _Run.of(settings)
    batches = [_batch(run, declared, tables, number) for number in range(N_BATCHES)]
    integrated = pd.DataFrame(batches)
    rows = [(*key, values.mean(), values.std(ddof=1) / np.sqrt(values.count())) for key, values in integrated.items()]
    rows += [(*key, value, 0.0) for key, value in _exact(run).items()]
    found = pd.DataFrame(rows, columns=["statistic", "group", "truth", "standard_error"])
    return found.dropna().reset_index(drop=True)  # a group of which one batch at most holds a person has no row


def spoken(requests: pd.DataFrame) -> pd.DataFrame:
    """Replies to requests (endpoint: a simulated model; template; slots), none of them refused or out of form."""
    said = []
    for number, row in enumerate(requests.itertuples()):
        call = Call(row.slots, model(row.endpoint), hashlib.sha256(f"declared {number}".encode()).digest(), 0)
        said.append(json.loads(HANDLERS[row.template](call)))
    replies = pd.DataFrame({"data": said}, index=requests.index)
    return replies.assign(status="ok", detail="", request_hash="")


@dataclass(frozen=True)
class _Run:
    """The settings of a run that decide on truths, with models instead of their aliases."""

    seed: int
    settings: Mapping
    models: Mapping[str, Model]

    @classmethod
    def of(cls, settings: Mapping) -> _Run:
        models = {alias: model(endpoint["model"]) for alias, endpoint in settings["endpoints"].items()}
        return cls(settings["seed"], settings, models)

    def role(self, name: str) -> Model:
        return self.models[self.settings["roles"][name]]

    def several(self, name: str) -> dict[str, Model]:
        return {alias: self.models[alias] for alias in self.settings["roles"][name]}

    def has_forms(self, alias: str) -> bool:
        """Whether a reply out of form is final, not asked for once more."""
        return self.settings["endpoints"][alias].get("json_schema", True)


class _Items(TypedDict):
    """Where the two answers to each question stand, and how many words the second has more: of a `Population`."""

    first: np.ndarray
    second: np.ndarray
    more_words: np.ndarray


@dataclass(frozen=True)
class _Persons:
    """Persons of one batch, each with a question of its own, and the writers that answer them."""

    descriptions: list[str]
    prompts: list[str]
    people: Population
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.descriptions)

    def write(self, template: str, who: Model, **slots: list[str]) -> list[str]:
        """What a model writes in each person's place; slots hold one text each."""
        rows = [dict(zip(slots, values, strict=True)) for values in zip(*slots.values(), strict=True)]
        return [HANDLERS[template](Call(row, who, self.rng.bytes(32), 0)) for row in rows]


def _exact(run: _Run) -> Truth:
    """What needs no integration: parameters put in, what summaries drop, and how many calls come to something."""
    found = {(name, alias): float(getattr(who, name)) for alias, who in run.models.items() for name in BIASES}
    contestants, examiner = run.several("contestants"), run.role("examiner")
    names = attributes()["attribute"]
    chances = {alias: {name: drop_chance(name, who) for name in names} for alias, who in contestants.items()}
    found |= expected.dropped(chances, extractor_error=examiner.extractor_error)
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


def _scored_attempts(run: _Run) -> Truth:
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


def _batch(run: _Run, declared: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame], number: int) -> Truth:
    """Every integrated truth over one tenth of the persons."""
    rng = generator(run.seed, "truth.batch", str(number))
    everyone = declared["persons"].iloc[number::N_BATCHES]
    texts = declared["prompts"]["text"].to_numpy(dtype=object)
    of_persons, of_items = (texts[_in_turn(n, len(texts), number)] for n in (len(everyone), N_ITEMS))
    items = _pool_items(list(of_items), run.role("answerer"), rng)
    people = Population(load(), _columns(everyone["description"]), **items)
    persons = _Persons(everyone["description"].tolist(), list(of_persons), people, rng)
    n_raters = run.settings["pool"]["n_raters"]
    found = expected.influences(people.parts()) | _pairs(run, persons)
    found |= studies.pool_truth(people, run.several("panel"), run.role("raters"), rng, n_raters=n_raters)
    found |= _ablation(run, people, everyone["persona_id"], declared["ablation"], rng)
    groups = declared["groups"].groupby(["attribute", "value"])["persona_id"]
    inside = {"|".join(group): everyone["persona_id"].isin(ids).to_numpy() for group, ids in groups}
    n_others = run.settings["personas"]["n"] - 1
    lead = run.models[run.settings["roles"]["panel"][0]]
    found |= expected.majorities(everywhere(people, lead), n_others=n_others, groups=inside)
    item_ids, given = _given_items(tables)
    chances = everywhere(replace(people, **given), lead)
    found |= expected.item_majorities(chances, item_ids, n_others=n_others)
    return found | _attempts(run, persons, chances) | _repeated(run, persons)


def _in_turn(n: int, n_prompts: int, number: int) -> np.ndarray:
    """Numbers of the prompts of one batch: the batches take turns through all prompts, again and again."""
    return (np.arange(n) * N_BATCHES + number) % n_prompts


def _columns(descriptions: pd.Series) -> dict[str, list[str]]:
    lines = [parse_description(text) for text in descriptions]
    return {name: [own.get(name, "") for own in lines] for name in load().weights}


def _pool_items(prompts: list[str], who: Model, rng: np.random.Generator) -> _Items:
    """New items: the two answers to every prompt."""
    first = [HANDLERS["answer"](Call({"prompt": text}, who, rng.bytes(32), 0)) for text in prompts]
    second = [
        HANDLERS["answer_divergent"](Call({"prompt": text, "answer": answer}, who, rng.bytes(32), 0))
        for text, answer in zip(prompts, first, strict=True)
    ]
    return _items(first, second)


def _given_items(tables: Mapping[str, pd.DataFrame]) -> tuple[list[str], _Items]:
    """The items of the run's own pool, those whose two answers exist."""
    texts = tables["pool_answers"].query("status == 'ok'").set_index("answer_id")["text"]
    there = tables["pool_items"][["answer_a_id", "answer_b_id"]].isin(texts.index).all(axis=1)
    items = tables["pool_items"][there]
    answers = (items[column].map(texts).tolist() for column in ("answer_a_id", "answer_b_id"))
    return items["item_id"].tolist(), _items(*answers)


def _items(first: list[str], second: list[str]) -> _Items:
    """Where the two answers to each question stand, and how many words the second has more."""
    (a, words_a), (b, words_b) = (zip(*map(load_bank().vector, texts), strict=True) for texts in (first, second))
    return {"first": np.array(a), "second": np.array(b), "more_words": np.array(words_b, float) - np.array(words_a)}


def _pairs(run: _Run, persons: _Persons) -> Truth:
    """One pair per person, judged as oneself, as another and as nobody in both orders."""
    own = {"persona": persons.descriptions, "prompt": persons.prompts}
    baseline = persons.write("answer", run.role("answerer"), prompt=persons.prompts)
    template = f"critique_{run.settings['feedback']['template']}"
    critique = persons.write(template, run.role("critic"), **own, answer=baseline)
    written = {"prompt": persons.prompts, "answer": baseline, "critique": critique}
    revision = persons.write("revise", run.role("reviser"), **written)
    pairs = replace(persons.people, **_items(baseline, revision))
    judge, each = run.role("judge"), np.arange(len(persons))
    read = persons.people.positions(judge)
    stands = {"own": read, "swapped": np.roll(read, 1, axis=0), "none": np.broadcast_to(load().shared, read.shape)}
    ab, ba = (
        {
            shown: by_content(pairs, judge, position, each, swapped=np.full(len(each), swapped))
            for shown, position in stands.items()
        }
        for swapped in (False, True)
    )
    found = expected.held(ab, ba)
    found["length_only", "all"] = float(np.mean((pairs.more_words < 0) + 0.5 * (pairs.more_words == 0)))
    words = np.array([len(text.split()) for text in baseline])
    real = persons.people.positions()
    found["utility", "rejected"] = float(load().utility(real, pairs.first, words).mean())
    found["utility", "chosen"] = float(load().utility(real, pairs.second, words + pairs.more_words).mean())
    return found


def _ablation(
    run: _Run, people: Population, persona_id: pd.Series, design: pd.DataFrame, rng: np.random.Generator
) -> Truth:
    """Every short persona of the batch on random items, with and without each attribute."""
    judge = run.role("judge")
    number_of = {name: i for i, name in enumerate(people.parts(judge))}
    found: Truth = {}
    arms = []
    mine = design[design["persona_id"].isin(persona_id)]
    for name, part in mine.groupby("attribute"):
        persons = np.tile(pd.Index(persona_id).get_indexer(part["persona_id"]), N_ITEMS)
        shown = [[number_of[other] for other in names.split("|")] for names in part["shown_attributes"]]
        both = studies.left_out(people, judge, name, persons, np.tile(np.array(shown), (N_ITEMS, 1)), rng)
        found |= expected.flips(name, *both)
        if name != PLACEBO:
            arms.append(both)
    return found | expected.flips("all", *(np.concatenate(sides) for sides in zip(*arms, strict=True)))


def _attempts(run: _Run, persons: _Persons, chances: np.ndarray) -> Truth:
    """Every contestant answers everybody's question in the four modes; the chance that the examiner passes it.

    With the chances of the persons' choices on the pool also whether those near the majority are served better.
    """
    n = _share(len(persons), run.settings["benchmark"]["n_items"])
    own = {"persona": persons.descriptions[:n], "prompt": persons.prompts[:n]}
    strangers = own["persona"][1:] + own["persona"][:1]
    passed: dict[tuple[str, str], np.ndarray] = {}
    other: dict[str, np.ndarray] = {}
    for alias, who in run.several("contestants").items():
        answers = {"baseline": persons.write("answer", who, prompt=own["prompt"])}
        answers |= {mode: persons.write(template, who, **own) for mode, template in TEMPLATES.items()}
        answers["chain_of_thought"] = [text.rpartition("ANSWER:\n")[2] for text in answers["chain_of_thought"]]
        summaries = persons.write("summarise", who, persona=own["persona"])
        answers["summary"] = persons.write("answer_from_summary", who, prompt=own["prompt"], summary=summaries)
        passed |= {(alias, mode): _accepted(run, own["persona"], texts) for mode, texts in answers.items()}
        other[alias] = _accepted(run, strangers, answers["output_only"])
    generic = {alias: chance for (alias, mode), chance in passed.items() if mode == "baseline"}
    near = expected.central(chances[:n], generic, persons.rng)
    return expected.examined(passed, other) | near


def _repeated(run: _Run, persons: _Persons) -> Truth:
    """Attempt everybody's question again and again, with and without the persona."""
    sizes = run.settings["pass_at_k"]
    n, k = _share(len(persons), sizes["n_items"]) // 3, sizes["n_attempts"]
    described = [text for text in persons.descriptions[:n] for _ in range(k)]
    prompts = [text for text in persons.prompts[:n] for _ in range(k)]
    found = {}
    for alias, who in run.several("contestants").items():
        for mode, slots in (("output_only", {"persona": described}), ("baseline", {})):
            template = TEMPLATES.get(mode, "answer")
            answers = persons.write(template, who, prompt=prompts, **slots)
            found[alias, mode] = _accepted(run, described, answers).reshape(n, k)
    return expected.repeated(found)


def _share(n_persons: int, n_items: int) -> int:
    """How many persons of a batch attempt something."""
    return min(n_persons, max(LEAST_TRIED, n_items))


def _accepted(run: _Run, descriptions: list[str], answers: list[str]) -> np.ndarray:
    return np.array([accept(p, a, run.role("examiner")) for p, a in zip(descriptions, answers, strict=True)])
