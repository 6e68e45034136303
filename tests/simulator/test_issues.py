"""Issues: every shipped prompt has one, answers take a side of it, critiques cite what it costs, revisions move.

Oracles: the declared files, read here; positions of personas and vectors of sentences, worked out here.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from simulated import REPO, description, spotless

from persona_lib.simulator import issues, respondents, revising, writing
from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.world import load
from persona_lib.tables.files import read_yaml
from persona_lib.tables.schema import attributes

BANK = pd.read_csv(REPO / "data/prompts/bank.csv", dtype=str, keep_default_na=False)
ANSWERED = BANK[BANK["issue"] != ""].drop_duplicates("issue").reset_index(drop=True)  # one prompt of each issue
DECLARED = [issue for path in sorted(issues.FOLDER.glob("*.yaml")) for issue in read_yaml(path)]
WHO = load().models["sim-large"]
BRITISH = (
    r"\b(\w*colour\w*|neighbour\w*|labour\w*|favour\w*|behaviour\w*|judgement\w*|travell\w+|grey|organis\w+|towards|"
    r"realis\w+|recognis\w+|centre\w*|theatre|licence|programme|honour\w*|rumour\w*|humour\w*|defence|whilst)\b"
)


def digest(*said: object) -> bytes:
    return hashlib.sha256(repr(said).encode()).digest()


def answered(prompt: str, model: str = "sim-large") -> str:
    return writing.answer(prompt, writing.representative(), load().models[model], digest(prompt, model))


def wordings(say: str) -> list[str]:
    """Every wording of a declared sentence, by another way than the bank's: one bracket after the other."""
    if (found := re.search(r"\[([^\]]+)\]", say)) is None:
        return [say]
    return [
        text for choice in found[1].split("|") for text in wordings(say[: found.start()] + choice + say[found.end() :])
    ]


def side_said(issue: dict, text: str) -> tuple[set[int], list[int]]:
    """Numbers of the sides of a declared issue whose position, and whose reasons, stand in a text."""
    said = split(text)
    positions = {i for i, side in enumerate(issue["sides"]) if set(wordings(side["position"]["say"])) & set(said)}
    reasons = [
        i
        for i, side in enumerate(issue["sides"])
        for reason in side["reasons"]
        if set(wordings(reason["say"])) & set(said)
    ]
    return positions, reasons


def side_of(prompt: str, text: str) -> int:
    """Number of the side whose position opens a text."""
    issue = load_bank().issue(prompt)
    return issue.sides.index(issue.side_of(load_bank().find(split(text)[0])))


def test_every_issue_has_its_prompt():
    ids = [issue["issue"] for issue in DECLARED]
    assert len(set(ids)) == len(ids) >= 600 and set(ANSWERED["issue"]) == set(ids)
    for issue in DECLARED:
        assert len(issue["sides"]) >= 2 and all(len(side["reasons"]) >= 2 for side in issue["sides"])
        assert len(issue["name"].split()) <= 6


def test_sentences_on_issues_are_well_formed_and_said_once():
    said = Counter(w for issue in DECLARED for _, _, one in issues.sentences_of(issue) for w in wordings(one["say"]))
    assert max(said.values()) == 1
    for text in said:
        assert re.fullmatch(r"[A-Z][^.!?\"“”\[\]|{}]+\.", text), text
        assert not re.search(BRITISH, text, re.I), text


def test_general_sentences_are_in_american_spelling():
    bank = load_bank()
    assert not [text for j in bank.rows for text in bank.wordings[j] if re.search(BRITISH, text, re.I)]


def test_an_answer_opens_with_a_position_on_its_prompt_and_gives_reasons_of_that_side():
    by_id = {issue["issue"]: issue for issue in DECLARED}
    for prompt, name in zip(ANSWERED["text"], ANSWERED["issue"], strict=True):
        text = answered(prompt)
        positions, reasons = side_said(by_id[name], text)
        assert len(positions) == 1 and len(reasons) == 2 and set(reasons) == positions
        assert split(text)[0] in {w for side in by_id[name]["sides"] for w in wordings(side["position"]["say"])}


def test_the_second_answer_takes_another_side():
    by_id = {issue["issue"]: issue for issue in DECLARED}
    for prompt, name in ANSWERED[["text", "issue"]].iloc[::5].itertuples(index=False):
        first = answered(prompt)
        other = writing.divergent(prompt, first, WHO, digest(prompt, "other"))
        (one, _), (two, reasons) = (side_said(by_id[name], text) for text in (first, other))
        assert one and two and not one & two and set(reasons) == two


def test_a_prompt_from_elsewhere_is_answered_in_general_sentences_only():
    bank = load_bank()
    for prompt in ("Should our town sell its snow plows?", "", "{topic}", "Should pit bulls be banned in towns with"):
        numbers = [bank.find(sentence) for sentence in split(answered(prompt))]
        assert bank.issue(prompt) is None and set(numbers) <= set(bank.rows) and bank.kind[numbers[0]] == "opening"
    assert bank.issue("  should PIT bulls be banned in towns with children? ") is bank.issue(BANK["text"][67])


def test_models_and_samples_answer_one_prompt_differently():
    """Of twenty prompts: two models, and six samples of one, mostly differ; both sides are taken somewhere."""
    apart, samples, sides = [], [], set()
    for prompt in ANSWERED["text"].iloc[:20]:
        apart.append(answered(prompt) != answered(prompt, "sim-medium"))
        texts = [writing.answer(prompt, writing.representative(), WHO, digest(prompt, i)) for i in range(6)]
        samples.append(len(set(texts)))
        sides |= {side_of(prompt, text) for text in texts}
    assert np.mean(apart) > 0.9 and np.mean(samples) > 4 and len(sides) > 1


def test_what_a_persona_is_told_depends_on_where_it_stands():
    """For eight persons, over sixty prompts, a personal answer takes mostly the side that suits the person better."""
    better = []
    for k in range(8):
        lines = parse_description(description(k))
        position = load().position(lines)
        for prompt in ANSWERED["text"].iloc[:60]:
            issue = load_bank().issue(prompt)
            worth = [position @ load_bank().vectors[list(side.sentences)].mean(axis=0) for side in issue.sides]
            text = writing.answer(prompt, position, WHO, digest(prompt))
            better.append(side_of(prompt, text) == int(np.argmax(worth)))
    assert np.mean(better) > 0.65


def test_a_position_counts_in_a_text_as_declared():
    """Oracle: the mean by hand, the position twice."""
    prompt = ANSWERED["text"][0]
    text = answered(prompt)
    vectors = [load_bank().vectors[load_bank().find(sentence)] for sentence in split(text)]
    assert load().parameters["writing"]["position_weight"] == 2
    assert np.allclose(load_bank().vector(text)[0], (vectors[0] + sum(vectors)) / (len(vectors) + 1))


@pytest.fixture(scope="module")
def revised() -> list[tuple[str, str, str, str, str]]:
    """(persona, prompt, answer, critique, revision): 30 persons on eight prompts each, of many."""
    found = []
    for k in range(30):
        person = description(k)
        for i in range(8):
            prompt = ANSWERED["text"][(k * 31 + i * 47) % len(ANSWERED)]
            base = answered(prompt)
            text = spotless("sim-large", "critique_paper", persona=person, prompt=prompt, answer=base)
            revision = revising.revise(prompt, base, text, WHO, digest(k, i))
            found.append((person, prompt, base, text, revision))
    return found


def test_critiques_never_praise_what_they_ask_to_change(revised):
    """Oracle: the first wish and its direction, and the declared leans of the sentences praised and rejected."""
    for person, _, base, text, _ in revised:
        d, direction, _ = respondents.wishes(person, base, WHO)[0]
        speaks, against = (
            re.findall("“([^”]*)”", part) for part in text.split("What speaks")[1].split("What does not")
        )
        leans = {sentence: direction * load_bank().vector(sentence)[0][d] for sentence in split(base)}
        assert min((leans[s] for s in speaks), default=0) >= 0
        assert max(leans[s] for s in against) <= 0 or min(leans.values()) > 0


def test_a_persona_cites_the_line_to_which_this_answer_costs_most(revised):
    """Oracle: the parts of the position as the critic reads them, times the vectors of the answer's position, twice,
    and reasons. Mostly the costliest is cited, always one that costs something, since lines bear unequally on a
    question. A quote is the line word for word; the median person cites at least five lines in eight critiques.
    """
    label = dict(zip(attributes()["attribute"], attributes()["label"], strict=True))
    cited: dict[str, list[str]] = {}
    is_costliest, costs_something = [], []
    for person, _, base, text, _ in revised:
        vector = np.array([2, 1, 1]) @ [load_bank().vector(sentence)[0] for sentence in split(base)[:3]]
        parts = load().parts(parse_description(person), WHO)
        costs = {label[name]: -parts[name] @ vector for name in parts}
        worst = max(costs, key=costs.__getitem__)
        line = re.search("“([^”]*)”", text)[1]
        shown = line.partition(":")[0]
        assert line in person.split("\n")
        is_costliest.append(shown == worst)
        costs_something.append(costs[shown] > 0)
        cited.setdefault(person, []).append(shown)
    assert 0.5 < np.mean(is_costliest) < 1 and all(costs_something)
    assert np.median([len(set(lines)) for lines in cited.values()]) >= 5


def test_revisions_move_along_the_first_suggestion(revised):
    """In at least 95 %; where the position changes, so do the reasons, and no side is mixed with another."""
    by_id = {issue["issue"]: issue for issue in DECLARED}
    of = dict(zip(BANK["text"], BANK["issue"], strict=True))
    moved, turned = [], []
    for person, prompt, base, _, revision in revised:
        d, direction, _ = respondents.wishes(person, base, WHO)[0]
        old, new = (direction * load_bank().vector(text)[0][d] for text in (base, revision))
        moved.append(new > old)
        positions, reasons = side_said(by_id[of[prompt]], revision)
        assert len(positions) == 1 and set(reasons) == positions
        turned.append(positions != side_said(by_id[of[prompt]], base)[0])
    assert np.mean(moved) >= 0.95 and 0.2 < np.mean(turned) < 0.7


def test_a_position_changes_only_where_it_is_rejected(revised):
    for _, prompt, base, text, _ in revised[:40]:
        first = split(base)[0]
        unsaid = text.replace(f"“{first}”", "")
        assert split(revising.revise(prompt, base, unsaid, WHO, digest(prompt)))[0] == first
