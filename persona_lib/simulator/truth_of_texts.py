"""The truths that texts must be written for: pairs, leave-one-out, attempts at the benchmark, summaries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped]

from persona_lib.simulator import expected, expected_attempts, studies
from persona_lib.simulator.attempts import REEXAMINED
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.populations import Population, by_content
from persona_lib.simulator.portraits import equivalent_chance
from persona_lib.simulator.respondents import stand
from persona_lib.simulator.runs import Persons, Run, placed, refined, write
from persona_lib.simulator.truth_of_judges import accepted, contests_truth, judge_truth, subtlety_truth
from persona_lib.simulator.world import load
from persona_lib.tables.revisions import LONGER, RULES, TELLS, fault
from persona_lib.tables.values import PLACEBO

N_ITEMS = 80  # pool items written in a batch
N_JUDGING = 6  # short personas of a batch and attribute for whom answers are rewritten, as many as the run asks of one
LEAST_TRIED = 45  # persons of a batch who attempt the benchmark
TEMPLATES = {"output_only": "answer_output_only", "chain_of_thought": "answer_chain_of_thought"}


def pairs_truth(run: Run, persons: Persons) -> Truth:
    """One pair per person, judged as oneself, by one's stated values, as another and as nobody in both orders."""
    given = {"persona": persons.descriptions, "prompt": persons.prompts}
    baseline = persons.write("answer", run.role("answerer"), prompt=persons.prompts)
    revision = refined(run, persons.rng, **given, answer=baseline)
    pairs = replace(persons.people, **placed(baseline, revision))
    judge, each = run.role("judge"), np.arange(len(persons))
    read = persons.people.positions(judge)
    stands = {"own": read, "values": persons.people.positions(judge, lines_shown="values")}
    stands |= {"swapped": np.roll(read, 1, axis=0), "none": np.broadcast_to(load().shared, read.shape)}
    ab, ba = (
        {
            shown: by_content(pairs, judge, position, each, swapped=np.full(len(each), swapped))
            for shown, position in stands.items()
        }
        for swapped in (False, True)
    )
    found = expected.held(ab, ba)
    texts = (baseline, revision)
    found |= judge_truth(run, persons.descriptions, persons.prompts, texts, (ab, ba), pairs.more_words)
    found["length_only", "all"] = float(np.mean((pairs.more_words < 0) + 0.5 * (pairs.more_words == 0)))
    words = np.array([len(text.split()) for text in baseline])
    real = persons.people.positions()
    kept = [
        fault(new, old, prompt=prompt, description=person)
        for new, old, prompt, person in zip(revision, baseline, persons.prompts, persons.descriptions, strict=True)
    ]
    for rule in (LONGER, TELLS):
        found["rule_kept", RULES[rule]] = float(np.mean([rule not in broken for broken in kept]))
    found["rule_kept", "all"] = float(np.mean([not broken for broken in kept]))
    found["utility", "rejected"] = float(load().utility(real, pairs.first, words).mean())
    found["utility", "chosen"] = float(load().utility(real, pairs.second, words + pairs.more_words).mean())
    return found


def ablation_truth(
    run: Run,
    people: Population,
    persona_id: pd.Series,
    design: pd.DataFrame,
    prompts: list[str],
    rng: np.random.Generator,
) -> Truth:
    """Every short persona of the batch on random items, and a few on revisions, with and without."""
    judge = run.role("judge")
    number_of = {name: i for i, name in enumerate(people.parts(judge))}
    found: Truth = {}
    arms, revised = [], []
    mine = design[design["persona_id"].isin(persona_id)]
    for name, part in mine.groupby("attribute"):
        persons = np.tile(pd.Index(persona_id).get_indexer(part["persona_id"]), N_ITEMS)
        shown = [[number_of[other] for other in names.split("|")] for names in part["shown_attributes"]]
        both = studies.left_out(people, judge, name, persons, np.tile(np.array(shown), (N_ITEMS, 1)), rng)
        on_revisions = _on_revisions(run, people, part, prompts, rng)
        found |= expected.flips(name, *both) | _kappas(name, on_revisions, rng)
        if name != PLACEBO:
            arms.append(both)
            revised.append(on_revisions)
    found |= expected.flips("all", *(np.concatenate(sides) for sides in zip(*arms, strict=True)))
    return found | _kappas("all", [np.concatenate(sides) for sides in zip(*revised, strict=True)], rng)


def _kappas(name: str, arms: list[np.ndarray], rng: np.random.Generator) -> Truth:
    without, with_it = arms
    return expected.arm_kappas(name, without, with_it) | expected.mean_arm_kappas(name, without, with_it, rng)


def _on_revisions(
    run: Run, people: Population, part: pd.DataFrame, prompts: list[str], rng: np.random.Generator
) -> list[np.ndarray]:
    """Chance of the revision, without and with an attribute, of answers rewritten for the persona with it.

    Two arrays, short personas x questions.
    """
    n_questions = run.settings["ablation"]["n_questions"]
    some = part.iloc[:N_JUDGING]
    rows = some.loc[some.index.repeat(n_questions)]
    prompt = [prompts[i] for i in rng.integers(len(prompts), size=len(rows))]
    answer = write("answer", run.role("answerer"), rng, prompt=prompt)
    revision = refined(run, rng, persona=rows["with"].tolist(), prompt=prompt, answer=answer)
    pairs, judge, each = replace(people, **placed(answer, revision)), run.role("judge"), np.arange(len(rows))
    swapped = rng.random(len(rows)) < 0.5
    stands = (np.array([stand(text, judge) for text in rows[arm]]) for arm in ("without", "with"))
    shape = (len(some), n_questions)
    return [by_content(pairs, judge, at, each, swapped=swapped).reshape(shape) for at in stands]


def attempts_truth(run: Run, persons: Persons, chances: np.ndarray) -> Truth:
    """Every contestant answers everybody's question in the four modes; the chance that the examiner passes it.

    With the chances of the persons' choices on the pool also whether those near the majority are served better.
    """
    n = _share(len(persons), run.settings["benchmark"]["n_items"])
    own = {"persona": persons.descriptions[:n], "prompt": persons.prompts[:n]}
    strangers = own["persona"][1:] + own["persona"][:1]
    passed: dict[tuple[str, str], np.ndarray] = {}
    other: dict[str, np.ndarray] = {}
    written: dict[tuple[str, str], list[str]] = {}
    equivalent: Truth = {}
    for alias, who in run.several("contestants").items():
        answers = {"baseline": persons.write("answer", who, prompt=own["prompt"])}
        answers |= {mode: persons.write(template, who, **own) for mode, template in TEMPLATES.items()}
        answers["chain_of_thought"] = [text.rpartition("ANSWER:\n")[2] for text in answers["chain_of_thought"]]
        summaries = persons.write("summarise", who, **own)
        served = [
            equivalent_chance(p, text, run.role("examiner")) for p, text in zip(own["persona"], summaries, strict=True)
        ]
        equivalent["equivalent", alias] = float(np.mean(served))
        answers["summary"] = persons.write("answer_from_summary", who, prompt=own["prompt"], summary=summaries)
        written |= {(alias, mode): texts for mode, texts in answers.items()}
        passed |= {(alias, mode): accepted(run, answer=texts, **own) for mode, texts in answers.items()}
        other[alias] = accepted(run, strangers, own["prompt"], answers["output_only"])
    generic = {alias: chance for (alias, mode), chance in passed.items() if mode == "baseline"}
    near = expected.central(chances[:n], generic, persons.rng)
    equivalent["equivalent", "all"] = float(np.mean(list(equivalent.values())))
    direct = {alias: texts for (alias, mode), texts in written.items() if mode == "output_only"}
    found = expected_attempts.examined(passed, other) | near | equivalent
    found |= contests_truth(run, own["persona"], direct)
    return found | subtlety_truth(own["persona"], own["prompt"], written, passed)


def repeated_truth(run: Run, persons: Persons) -> Truth:
    """Attempt everybody's question again and again, with and without the persona."""
    sizes = run.settings["pass_at_k"]
    n, k = _share(len(persons), sizes["n_items"]) // 3, sizes["n_attempts"]
    described = [text for text in persons.descriptions[:n] for _ in range(k)]
    prompts = [text for text in persons.prompts[:n] for _ in range(k)]
    found = {}
    told: Truth = {}
    for alias, who in run.several("contestants").items():
        written: dict[str, list[str]] = {}
        for mode in ("chain_of_thought", "output_only", "baseline"):
            slots = {"persona": described} if mode in TEMPLATES else {}
            answers = persons.write(TEMPLATES.get(mode, "answer"), who, prompt=prompts, **slots)
            answers = [text.rpartition("ANSWER:\n")[2] for text in answers]
            found[alias, mode] = accepted(run, described, prompts, answers).reshape(n, k)
            written[mode] = answers
        told |= {("individuation", f"{alias}|{mode}"): individuated(written[mode], written["baseline"], k)
                 for mode in TEMPLATES}  # fmt: skip
    return expected_attempts.repeated(found, again=REEXAMINED) | told


def individuated(written: list[str], default: list[str], n_attempts: int) -> float:
    """How often naive Bayes on words tells an answer for a person from one for nobody, having read the others.

    Parameters
    ----------
    written, default : item by item, `n_attempts` answers each

    Examples
    --------
    >>> individuated(["buy now", "buy today"], ["wait here", "wait there"], 2)
    1.0
    """
    hits = []
    for start in range(0, len(written) if n_attempts > 1 else 0, n_attempts):
        both = [*written[start : start + n_attempts], *default[start : start + n_attempts]]
        counts = CountVectorizer().fit_transform(both).toarray()
        sides = counts[:n_attempts], counts[n_attempts:]
        for i in range(n_attempts):
            own, other = (np.delete(side, i, axis=0).sum(axis=0) + 1 for side in sides)
            odds = (sides[0][i] - sides[1][i]) @ np.log(own / own.sum() / (other / other.sum()))
            hits.append(0.5 if abs(odds) < 1e-9 else float(odds > 0))
    return float(np.mean(hits)) if hits else float("nan")


def _share(n_persons: int, n_items: int) -> int:
    """How many persons of a batch attempt something."""
    return min(n_persons, max(LEAST_TRIED, n_items))
