"""Personas and pairs as the site's browser reads them: one index, and the texts of some personas in each further file.

The files are scripts that hand over data, since a page that is opened from a disk may load scripts but not fetch
files. All that models wrote stands in them as JSON in ASCII, and the page sets it as text, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from persona_lib.tables.descriptions import values_of
from persona_lib.tables.files import whole
from persona_lib.tables.schema import SchemaError, attributes
from persona_lib.tables.values import age_band

MOST_PAIRS = 10_000  # shown of a run; a page with more would not open within two seconds
PER_FILE = 20  # personas whose texts lie in one file
MOST_CHOICES = 40  # an attribute with more values can be searched, but is no filter
AGE_BAND, CORE_VALUES = "age_band", "core_values"  # beside the 33 attributes
CONFIRMED, CONTRADICTED, SPLIT, UNJUDGED = (
    "prefers the chosen answer",
    "prefers the rejected answer",
    "depends on the order shown",
    "not judged",
)


def shown_pairs(pairs: pd.DataFrame, judgements: pd.DataFrame, *, most: int = MOST_PAIRS) -> pd.DataFrame:
    """The pairs that the browser shows: all, or of each persona the same number, those judged under it first.

    Parameters
    ----------
    pairs, judgements : the tables of these names
    most : pairs to show, at least 1; where there are more personas than that, one pair of each is shown

    Returns
    -------
    Rows of `pairs`, sorted by persona and prompt, with `judged`: what the judge who sees the pair's own persona says
    of it over both orders (`CONFIRMED`, `CONTRADICTED`, `SPLIT`), or `UNJUDGED`.
    """
    own = _told(pairs, judgements)
    own = own[
        (own["shown"] == "own persona") & (own["lines_shown"] == "all") & own["choice"].isin(["chosen", "rejected"])
    ]
    share = own["choice"].eq("chosen").groupby(own["item_id"]).mean()
    said = share.map(lambda mean: CONFIRMED if mean == 1 else CONTRADICTED if mean == 0 else SPLIT)
    table = pairs.assign(judged=pairs["pair_id"].map(said).astype("object").fillna(UNJUDGED))
    if len(table) > most:
        each = max(1, most // table["persona_id"].nunique())
        table = table.sort_values("judged", key=lambda column: column == UNJUDGED, kind="stable")
        table = table.groupby("persona_id").head(each)
    return table.sort_values(["persona_id", "prompt_id", "template"], kind="stable").reset_index(drop=True)


def index(personas: pd.DataFrame, prompts: pd.DataFrame, shown: pd.DataFrame, *, n_pairs: int) -> dict[str, Any]:
    """What the list, the search and the filters read; every text that repeats stands once.

    Parameters
    ----------
    personas, prompts : the tables of these names
    shown : rows of `shown_pairs`
    n_pairs : pairs of the whole run

    Returns
    -------
    `fields` (name, label, whether it is a filter), `values` (of each field), `personas` (id, split, a value number per
    field), `prompts` (id, text, topic), `pair_splits`, `judged`, `statuses`, `pairs` (numbers of persona, prompt,
    split, what the judge says, status), `n_pairs`,
    `per_file`.

    Raises
    ------
    SchemaError
        A pair of a persona or prompt that is not in its table.
    """
    people = personas[personas["persona_id"].isin(shown["persona_id"])].sort_values("persona_id")
    asked = prompts[prompts["prompt_id"].isin(shown["prompt_id"])].sort_values("prompt_id")
    number_of = {
        "persona_id": {each: i for i, each in enumerate(people["persona_id"])},
        "prompt_id": {each: i for i, each in enumerate(asked["prompt_id"])},
    }
    for key, known in number_of.items():
        if lost := sorted(set(shown[key]) - set(known)):
            raise SchemaError(f"pairs: {key} {lost[0]} stands in no row of its table; show the tables of one run")
    fields = [*attributes()[["attribute", "label"]].itertuples(index=False, name=None)]
    fields = [(AGE_BAND, "Age group"), *fields, (CORE_VALUES, "Core values")]
    described = [values_of(text) for text in people["description"]]
    for row, age, core in zip(described, age_band(people["age_years"]), people["core_values"], strict=True):
        row |= {AGE_BAND: age, CORE_VALUES: core}
    values = {name: sorted({row.get(name, "") for row in described}) for name, _ in fields}
    place = {name: {value: i for i, value in enumerate(known)} for name, known in values.items()}
    rows = [[place[name][row.get(name, "")] for name, _ in fields] for row in described]
    coded = {name: sorted(shown[name].unique()) for name in ("pair_split", "judged", "status")}
    return {
        "fields": [[name, label, 1 < len(values[name]) <= MOST_CHOICES] for name, label in fields],
        "values": [values[name] for name, _ in fields],
        "personas": [
            [persona_id, split, row]
            for persona_id, split, row in zip(people["persona_id"], people["persona_split"], rows, strict=True)
        ],
        "prompts": asked[["prompt_id", "text", "topic"]].values.tolist(),
        "pair_splits": coded["pair_split"],
        "judged": coded["judged"],
        "statuses": coded["status"],
        "pairs": [
            list(row)
            for row in zip(
                *(shown[key].map(known) for key, known in number_of.items()),
                *(shown[name].map({value: i for i, value in enumerate(known)}) for name, known in coded.items()),
                strict=True,
            )
        ],
        "n_pairs": n_pairs,
        "per_file": PER_FILE,
    }


def texts(shown: pd.DataFrame, answers: pd.DataFrame, judgements: pd.DataFrame) -> dict[str, list]:
    """Of each persona its pairs in the order of `shown`: chosen and rejected answer, critique, judgements.

    Parameters
    ----------
    shown : rows of `shown_pairs`
    answers, judgements : the tables of these names

    Returns
    -------
    By persona_id a list, one entry a pair: [chosen, rejected, critique, judgements]; a text that failed is ''. A
    judgement is [role, rater, persona shown, lines shown, order shown, choice].
    """
    text_of = answers.set_index("answer_id")["text"]
    told = _told(shown, judgements)
    said = {
        item: [list(row) for row in rows.itertuples(index=False, name=None)]
        for item, rows in told.set_index("item_id").groupby(level=0, sort=False)
    }
    found: dict[str, list] = {}
    for row in shown.assign(
        chosen=shown["chosen_answer_id"].map(text_of).fillna(""),
        rejected=shown["rejected_answer_id"].map(text_of).fillna(""),
    ).itertuples():
        entry = [row.chosen, row.rejected, row.critique, said.get(row.pair_id, [])]
        found.setdefault(row.persona_id, []).append(entry)
    return found


def _told(pairs: pd.DataFrame, judgements: pd.DataFrame) -> pd.DataFrame:
    """Judgements of these pairs in words: item_id, role, rater_id, shown, lines_shown, order, choice."""
    mine = pairs.set_index("pair_id")[["persona_id", "chosen_answer_id", "rejected_answer_id"]]
    table = judgements.merge(mine, left_on="item_id", right_index=True, suffixes=("", "_of_pair"))
    is_ok = table["status"] == "ok"
    choice = table["status"].mask(is_ok, "another answer")
    choice = choice.mask(is_ok & (table["chosen_answer_id"] == table["chosen_answer_id_of_pair"]), "chosen")
    choice = choice.mask(is_ok & (table["chosen_answer_id"] == table["rejected_answer_id"]), "rejected")
    shown = table["persona_shown_id"].mask(table["persona_shown_id"] == table["persona_id"], "own persona")
    order = table["swapped"].map({False: "rejected first", True: "chosen first"})  # answer a is the rejected one
    table = table.assign(shown=shown.replace("", "no persona"), order=order, choice=choice)
    return table[["item_id", "role", "rater_id", "shown", "lines_shown", "order", "choice"]]


def write(folder: str | Path, index_of: Mapping[str, Any], texts_of: Mapping[str, list]) -> int:
    """Write index.js and 0.js, 1.js, ..., each with the texts of `PER_FILE` personas; files appear whole or not at all.

    Parameters
    ----------
    folder : made where it does not exist
    index_of, texts_of : what `index` and `texts` return for the same pairs

    Returns
    -------
    Bytes written.
    """
    folder, n_bytes = Path(folder), 0
    scripts = {"index.js": f"compendium.index = {_script(index_of)};\n"}
    for number, (persona_id, _, _) in enumerate(index_of["personas"]):
        file = f"{number // PER_FILE}.js"
        scripts[file] = scripts.get(file, "") + f"compendium.texts[{number}] = {_script(texts_of[persona_id])};\n"
    for name, text in scripts.items():
        with whole(folder / name) as half:
            half.write_text(text, "ascii")
        n_bytes += len(text)
    return n_bytes


def _script(value: object) -> str:
    """A value as a script may hold it: JSON in ASCII, without a sign that opens a tag."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
