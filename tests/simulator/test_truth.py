"""The truth of a simulated run: what its statistics are on average over all that it could have drawn.

Oracles: counts by hand, all outcomes of four raters one by one, and choices that the simulated models really make.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from simulated import PROMPTS, SETTINGS, description, said, spotless

from persona_lib.simulator import portraits, respondents
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.truth import truth
from persona_lib.simulator.world import load
from persona_lib.tables.descriptions import line, part, values_of
from persona_lib.tables.revisions import fault


def part_of(text: str, names: list[str]) -> str:
    """Some lines of a description; a placebo has none."""
    return "\n".join(line(name, value) for name, value in values_of(text).items() if name in names)


@pytest.fixture(scope="module")
def frame() -> dict[str, pd.DataFrame]:
    """300 invented persons and what else a run could have drawn."""
    people = pd.DataFrame(
        {"persona_id": [f"d{i:03d}" for i in range(300)], "description": map(description, range(300))}
    )
    names = ["lifestyle", "hearing_difficulty", "placebo"]
    short = people.merge(pd.DataFrame({"attribute": names}), how="cross")
    both = [part_of(text, ["age_years", "ideology"]) for text in short["description"]]
    short = short.assign(**{"without": both})
    short["with"] = [
        part_of(text, ["age_years", "ideology", name])
        for text, name in zip(short["description"], short["attribute"], strict=True)
    ]
    return {
        "persons": people,
        "prompts": pd.DataFrame({"prompt_id": [f"q{i}" for i in range(len(PROMPTS))], "text": PROMPTS}),
        "groups": people[["persona_id"]].assign(attribute="half", value=np.where(np.arange(300) < 150, "one", "other")),
        "ablation": short.drop(columns="description").assign(shown_attributes="age_years|ideology"),
    }


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    a, b = (spotless("sim-large", "answer", prompt=text) for text in PROMPTS[:2])
    answers = pd.DataFrame({"answer_id": ["a", "b"], "text": [a, b], "status": "ok"})
    items = pd.DataFrame({"item_id": ["i", "lost"], "answer_a_id": ["a", "a"], "answer_b_id": ["b", "c"]})
    return {"pool_items": items, "pool_answers": answers}


@pytest.fixture(scope="module")
def found(frame, tables) -> pd.DataFrame:
    return truth(frame, tables, SETTINGS).set_index(["statistic", "group"])


def test_holds_and_utility_are_those_of_pairs_that_the_models_write_and_judge(found, frame):
    """Oracle: 240 pairs made and judged by the simulated models themselves, one request each."""
    rng, held, gains, kept = np.random.default_rng(3), {"own": [], "values": [], "swapped": [], "none": []}, [], []
    everyone = frame["persons"]["description"].tolist()
    for i, person in enumerate(everyone[:240]):
        prompt, sample = str(rng.choice(PROMPTS)), int(rng.integers(1000))
        base = said("sim-large", "answer", sample, prompt=prompt).text
        critique = spotless("sim-large", "critique_neutral", persona=person, prompt=prompt, answer=base)
        slots = {"prompt": prompt, "answer": base, "critique": critique}
        new = spotless("sim-large", "revise", **slots)
        if broken := fault(new, base, prompt=prompt, description=person):
            new = spotless("sim-large", "revise_again", **slots, revision=new, fault=broken)
        kept.append(not fault(new, base, prompt=prompt, description=person))
        position = load().position(respondents.parse_description(person))
        new_one, old_one = (load().utility(position, *load_bank().vector(text)) for text in (new, base))
        gains.append(new_one - old_one)
        told = {"own": person, "values": part(person, "values"), "swapped": everyone[i + 1], "none": None}
        for kind, whose in told.items():
            shown = {} if whose is None else {"persona": whose}
            swapped = bool(rng.integers(2))
            shown |= {"answer_a": new if swapped else base, "answer_b": base if swapped else new}
            name = "judge_no_persona" if kind == "none" else "judge"
            chosen = json.loads(spotless("sim-medium", name, prompt=prompt, **shown))["choice"]
            held[kind].append((chosen == "A") == swapped)
    for kind, values in held.items():
        assert abs(np.mean(values) - found.truth["holds", kind]) < 4 * 0.5 / np.sqrt(240), kind
    assert abs(np.mean(kept) - found.truth["rule_kept", "all"]) < 4 * 0.2 / np.sqrt(240) and np.mean(kept) > 0.9
    put_in = found.truth["utility", "chosen"] - found.truth["utility", "rejected"]
    assert abs(np.mean(gains) - put_in) < 4 * np.std(gains) / np.sqrt(240) and put_in > 0.2
    assert found.truth["first_position", "own"] > 0.5


def test_pass_rates_are_those_of_answers_that_the_examiner_reads(found, frame):
    """Oracle: 200 answers written and examined by the simulated models themselves."""
    everyone, rng = frame["persons"]["description"].tolist(), np.random.default_rng(4)
    passed = {"own": [], "other": [], "generic": [], "thought": []}
    for i in range(200):
        prompt, sample = str(rng.choice(PROMPTS)), int(rng.integers(1000))
        told = said("sim-large", "answer_output_only", sample, prompt=prompt, persona=everyone[i]).text
        plain = said("sim-large", "answer", sample, prompt=prompt).text
        thought = spotless("sim-large", "answer_chain_of_thought", prompt=prompt, persona=everyone[i])
        shown = {"own": (everyone[i], told), "other": (everyone[i + 1], told), "generic": (everyone[i], plain)}
        shown |= {"thought": (everyone[i], thought.partition("ANSWER:\n")[2])}
        for kind, (person, answer) in shown.items():
            verdict = json.loads(spotless("sim-judge", "examine", prompt=prompt, persona=person, answer=answer))
            passed[kind].append(not verdict["needs_revision"])
    rates = {kind: found.truth["calibration", kind] for kind in ("own", "other", "generic")}
    rates |= {"thought": found.truth["pass_rate", "large|chain_of_thought"]}
    for kind, rate in rates.items():
        assert abs(np.mean(passed[kind]) - rate) < 4 * max(0.2, np.std(passed[kind])) / np.sqrt(200), kind
    assert found.truth["pass_rate", "large|output_only"] == found.truth["calibration", "own"]
    for mode in ("output_only", "chain_of_thought", "baseline"):
        assert found.truth["pass_at_k", f"large|{mode}|4"] > found.truth["pass_at_k", f"large|{mode}|1"]
    fresh, noise = (found.truth[name, "large|baseline|4"] for name in ("pass_at_k", "reexamined"))
    assert found.truth["pass_at_k", "large|baseline|1"] < noise < fresh
    assert found.truth["variety", "large|baseline|4"] == pytest.approx(fresh - noise)


def test_kappa_is_that_of_choices_that_models_and_raters_make(found, frame):
    """Oracle: 600 cells, in each the chances of a model and three raters one by one, and choices drawn with them."""
    rng, chances = np.random.default_rng(5), []
    for person in [*frame["persons"]["description"]] * 2:
        prompt, sample = str(rng.choice(PROMPTS)), int(rng.integers(1000))
        a = said("sim-large", "answer", sample, prompt=prompt).text
        b = said("sim-large", "answer_divergent", sample, prompt=prompt, answer=a).text
        swapped = bool(rng.integers(2))
        shown = (b, a) if swapped else (a, b)
        asked = [("sim-large", 0), *(("sim-rater", number) for number in range(3))]
        first = [respondents.prefer_first(person, *shown, load().models[name], sample=number) for name, number in asked]
        chances.append(first if swapped else [1 - chance for chance in first])
    model, *raters = np.array(chances).T
    same = raters[0] * raters[1] + (1 - raters[0]) * (1 - raters[1])
    truths, n = found.truth, len(chances)
    assert abs(same.mean() - truths["raw_agreement", "rater_rater"]) < 4 * same.std() / np.sqrt(n)
    assert abs(model.mean() - truths["prevalence", "large"]) < 4 * model.std() / np.sqrt(n)
    chose_b, most = rng.random(n) < model, (rng.random((3, n)) < raters).sum(axis=0) >= 2
    by_chance = chose_b.mean() * most.mean() + (1 - chose_b.mean()) * (1 - most.mean())
    kappa = ((chose_b == most).mean() - by_chance) / (1 - by_chance)
    assert abs(kappa - truths["kappa_content", "large"]) < 4 * 0.8 / np.sqrt(n)


def test_influence_is_a_share_of_variance(found):
    """Oracle: the variance of each attribute's part over the persons, one effect at a time."""
    lines = [respondents.parse_description(description(i)) for i in range(300)]
    parts = {
        name: np.array([load().weights[name] * load().effect(name, own[name]) for own in lines])
        for name in load().weights
    }
    variance = {name: part.var(axis=0).sum() for name, part in parts.items()}
    for name in ("lifestyle", "age_years", "sex"):
        share = variance[name] / sum(variance.values())
        assert abs(found.truth["influence", name] - share) < 5 * found.standard_error["influence", name] + 0.002, name
    assert found.truth["influence"].sum() == pytest.approx(1)


def test_the_placebo_and_the_rates_are_exact(found):
    who = load().models["sim-medium"]
    assert found.truth["excess_flip", "placebo"] == pytest.approx(0, abs=1e-12)
    assert found.truth["kappa", "placebo"] == pytest.approx(found.truth["kappa_retest", "placebo"])
    assert found.truth["excess_flip", "lifestyle"] > found.truth["excess_flip", "hearing_difficulty"] + 0.01
    assert found.truth["agreement_with_whole", "retest"] > found.truth["agreement_with_whole", "idiosyncratic"]
    assert found.truth["refused", "all"] == who.refusal_rate and found.truth["unparsed", "all"] == 0.998 * 0.006
    assert found.truth["scored", "large|summary"] == pytest.approx(0.996**2 * 0.998**2)
    by_question = [portraits.drop_chance_on(text, "age_years", load().models["sim-large"]) for text in PROMPTS]
    assert found.truth["drop_rate", "age_years"] == pytest.approx(0.02 + 0.96 * np.mean(by_question))
    exact = found.standard_error[found.standard_error == 0].index.get_level_values("statistic")
    assert {"refused", "scored", "drop_rate", "noise"} <= set(exact) and "holds" not in exact
    assert "lost" not in found.index.get_level_values("group") and not found["truth"].isna().any()


def test_the_standard_error_is_how_far_another_integration_lies_off(found, frame, tables):
    """Two integrations over other halves of the persons differ by their errors."""
    halves = {**frame, "persons": frame["persons"].iloc[::-1]}
    again = truth(halves, tables, SETTINGS | {"seed": 6}).set_index(["statistic", "group"])
    error = np.hypot(found.standard_error, again.standard_error)
    z = ((found.truth - again.truth) / error)[error > 1e-9].sort_index().drop(["influence", "fits_majority"])
    assert len(z) > 50 and 0.3 < np.sqrt(np.mean(z**2)) < 1.5


def test_an_endpoint_that_asks_again_has_no_known_rate_of_unparsed(frame, tables):
    endpoints = SETTINGS["endpoints"] | {"medium": {"model": "sim-medium", "json_schema": False}}
    few = {**frame, "persons": frame["persons"].iloc[:40]}
    known = truth(few, tables, SETTINGS | {"endpoints": endpoints}).set_index(["statistic", "group"]).index
    assert ("unparsed", "all") not in known and ("scored", "raters") in known and ("scored", "medium") not in known
