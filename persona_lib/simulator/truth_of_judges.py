"""The truths of judges and examiners that texts must be written for: pairs, contests between models, subtlety."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from persona_lib.simulator import expected_judges
from persona_lib.simulator.expected import Truth
from persona_lib.simulator.respondents import accept, certainty, prefer_first
from persona_lib.simulator.runs import Run
from persona_lib.tables.revisions import named


def judge_truth(
    run: Run,
    descriptions: list[str],
    prompts: list[str],
    texts: tuple[list[str], list[str]],
    chances: tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]],
    longer: np.ndarray,
) -> Truth:
    """What is known of the judge and the examiner from pairs: first answers, revisions and how each is judged.

    Parameters
    ----------
    texts : the first answers and their revisions
    chances : that the revision is preferred, shown second and first, by persona shown (`expected.held`)
    longer : by how many words each revision is longer
    """
    (ab, ba), (first, revision) = chances, texts
    found = expected_judges.reliability(ab, ba, longer)
    right = np.concatenate([ab["own"], ba["own"]])
    found |= expected_judges.certainty(right, certainty(right))
    strangers = descriptions[-1:] + descriptions[:-1]
    own, swapped, generic = (
        accepted(run, *rows)
        for rows in ((descriptions, prompts, revision), (strangers, prompts, revision), (descriptions, prompts, first))
    )
    return found | expected_judges.examiner(ab["own"] * ba["own"], own, swapped, generic)


def accepted(run: Run, persona: list[str], prompt: list[str], answer: list[str]) -> np.ndarray:
    """The chance that the examiner finds nothing to revise, row by row."""
    return np.array([accept(*row, run.role("examiner")) for row in zip(persona, prompt, answer, strict=True)])


def contests_truth(run: Run, descriptions: list[str], answers: Mapping[str, list[str]]) -> Truth:
    """Every two contestants' answers before every contestant, as the persons for whom they were written."""
    won: dict[tuple[str, str, str], np.ndarray] = {}
    writers = run.several("contestants")
    for one, two in combinations(writers, 2):
        for judge, who in writers.items():
            rows = list(zip(descriptions, answers[one], answers[two], strict=True))
            shown = [prefer_first(person, a, b, who) + 1 - prefer_first(person, b, a, who) for person, a, b in rows]
            won[judge, one, two] = np.array(shown) / 2
            won[judge, two, one] = 1 - won[judge, one, two]
    return expected_judges.contests(won, list(writers))


def subtlety_truth(
    descriptions: list[str],
    prompts: list[str],
    answers: Mapping[tuple[str, str], list[str]],
    passed: Mapping[tuple[str, str], np.ndarray],
) -> Truth:
    """explicit and subtle by model and mode, and how much oftener answers with steps first are explicit.

    Parameters
    ----------
    answers, passed : by model and mode, the texts and the chance that the examiner passes each
    """
    found: Truth = {}
    for key, texts in answers.items():
        rows = zip(texts, descriptions, prompts, strict=True)
        explicit = np.array([bool(named(text, person, known=prompt)) for text, person, prompt in rows], dtype=float)
        group = "|".join(key)
        found |= {("explicit", group): explicit.mean(), ("subtle", group): np.mean(passed[key] * (1 - explicit))}
    models, modes = (list(dict.fromkeys(key[i] for key in answers)) for i in (0, 1))
    for statistic in ("explicit", "subtle"):
        for mode in modes:
            each = [found[statistic, f"{model}|{mode}"] for model in models]
            found[statistic, f"all|{mode}"] = float(np.mean(each))
    for model in [*models, "all"]:
        apart = found["explicit", f"{model}|chain_of_thought"] - found["explicit", f"{model}|output_only"]
        found["explicit_difference", f"{model}|chain_of_thought-output_only"] = apart
    return found
