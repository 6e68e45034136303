"""The human study as a project for potato-annotation: written for people to judge, and its files read back.

potato-annotation (PyPI) is a program of its own, under the GPL: it is installed by the project's own requirements and
run beside this compendium; nothing of it is copied or imported. One folder a persona is one task with places for as
many raters as the paper had: each rater stands in one persona's shoes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator

PACKAGE = "potato-annotation>=2.12,<3"
KEY = "study.csv"  # which instance is which item, in which order its answers stand
SHOWN = ["task", "persona_id", "instance_id", "item_id", "prompt_id", "answer_a_id", "answer_b_id", "swapped", "check"]
CHOICE, REASON, CONSENT, ASKED = "choice", "reason", "consent", "asked"
LABELS = ("Answer A", "Answer B")
AGREE, REFUSE = "I agree to take part", "I do not agree"
N_CHECKS = 2
# What a study costs is told by numbers that a user can change. Assumed, and to be measured in a pilot: the minutes.
MINUTES_PAGE, MINUTES_START = 1.5, 4.0  # of a comparison with its reason; of consent, instructions and the persona
# Prolific's own (https://www.prolific.com/pricing, a copy of 2026-09-20): fee 33.3 % of what raters are paid for
# academic and non-profit, 42.8 % for corporate users; 12 USD or 9 GBP an hour recommended, 8 or 6 the least.
FEE, HOURLY = 0.333, 12.0
TAX = 0.2  # assumed: on the fee, the United Kingdom's VAT; 0 where none is charged

_CONSENT = """\
You are invited to take part in a study on how people judge answers of computer programs. You will read a description
of a person, and {n} questions with two answers each, and say which answer that person would rather have received, and
why. It takes about {minutes} minutes. Some questions touch on politics, religion or illness. You may stop at any time
by closing the page. We store your choices, your reasons and the number under which you take part, and no name; they may
be published without that number. You must be 18 or older. Questions: {contact}"""
_INSTRUCTIONS = """\
On every page stands the same person, then a question that somebody asked a computer program, then two answers. Put
yourself in the place of the person described. Choose the answer that this person would rather have received, even if
you yourself would choose the other. Then say in a sentence why; name what in the description or in the answers decided
it. There is no right answer, and which answer stands first means nothing. On a page that asks for a certain answer,
give that one: it shows that the pages are read."""
_CHECK = "This page checks that the pages are read. Please choose {label}, and write the word read as your reason."


def plan_study(items: pd.DataFrame, cells: pd.DataFrame, *, n_personas: int, n_items: int, seed: int) -> pd.DataFrame:
    """Which persona's raters judge which items, in which order of the two answers, with two attention checks each.

    Personas are drawn among those of the cells, and for each of them items among its cells, so that every choice of a
    person has a model's beside it. The two answers stand as the models saw them, the same for all raters of a persona.
    The order of the pages is drawn anew for each rater by potato, which records it.

    Parameters
    ----------
    items : table `pool_items`, those whose two answers have a text
    cells : what models judged (`panel_cells`): persona_id, item_id, swapped (b is shown first)
    n_personas, n_items : how many personas, and items of each

    Returns
    -------
    Columns `SHOWN`; `check` is the answer that an attention check asks for, '' for an item.

    Raises
    ------
    SchemaError
        Fewer personas than asked for, or a persona with fewer items.
    """
    known = cells.merge(items, on="item_id").sort_values(["persona_id", "item_id"])
    ids = known["persona_id"].unique()
    if len(ids) < n_personas:
        raise SchemaError(f"study: {n_personas} personas are wanted, but models judged as only {len(ids)}")
    rows = []
    for persona_id in sorted(generator(seed, "study.personas").choice(ids, size=n_personas, replace=False)):
        rng, own = generator(seed, "study.items", persona_id), known[known["persona_id"] == persona_id]
        if len(own) < n_items:
            raise SchemaError(f"study: {n_items} items are wanted, but models judged only {len(own)} as {persona_id}")
        for number, row in enumerate(own.iloc[rng.permutation(len(own))[:n_items]].itertuples(), 1):
            ids_of_item = (row.item_id, row.prompt_id, row.answer_a_id, row.answer_b_id, bool(row.swapped), "")
            rows.append((persona_id, persona_id, f"{persona_id}-{number:02d}", *ids_of_item))
        first = int(rng.integers(2))
        for number in range(N_CHECKS):  # one asks for each answer: who always takes the same fails
            label = LABELS[(number + first) % 2]
            rows.append((persona_id, persona_id, f"{persona_id}-check{number + 1}", "", "", "", "", False, label))
    return pd.DataFrame(rows, columns=SHOWN)


def panel_cells(judgements: pd.DataFrame) -> pd.DataFrame:
    """The cells of the pool that every model of the panel judged: persona_id, item_id, swapped.

    Parameters
    ----------
    judgements : table `pool_judgements`
    """
    panel = judgements[(judgements["role"] == "panel") & (judgements["persona_shown_id"] != "")]
    panel = panel[(panel["lines_shown"] == "all") & (panel["repeat"] == 0)]
    cells = panel.groupby(["persona_shown_id", "item_id"]).agg(n=("rater_id", "nunique"), swapped=("swapped", "first"))
    every = cells[cells["n"] == panel["rater_id"].nunique()].reset_index()
    return every.rename(columns={"persona_shown_id": "persona_id"})[["persona_id", "item_id", "swapped"]]


def write_study(
    folder: str | Path,
    plan: pd.DataFrame,
    personas: pd.DataFrame,
    prompts: Mapping[str, str],
    answers: Mapping[str, str],
    *,
    n_raters: int,
    contact: str,
    completion_code: str,
    seed: int,
    minutes_page: float = MINUTES_PAGE,
    minutes_start: float = MINUTES_START,
) -> None:
    """Write the project: `study.csv`, `requirements.txt`, `README.md`, and one folder with `config.yaml` a persona.

    Parameters
    ----------
    plan : what `plan_study` returned
    personas : persona_id and description
    prompts, answers : texts by id
    n_raters : places of a persona's task
    contact : whom raters can ask, on the page of consent
    completion_code : what a rater hands to Prolific at the end
    minutes_page, minutes_start : as of `minutes_each`; the page of consent says how long it takes

    Raises
    ------
    SchemaError
        The folder is there already and not empty, or a text is missing.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise SchemaError(f"{folder}: is not empty; give another folder, answers of people may lie there")
    described = personas.set_index("persona_id")["description"]
    for task, part in plan.groupby("task"):
        place = folder / str(task)
        place.mkdir(parents=True, exist_ok=True)
        shown = [_instance(row, described, prompts, answers) for row in part.itertuples()]
        (place / "items.jsonl").write_text("".join(json.dumps(one) + "\n" for one in shown), "utf-8")
        minutes = math.ceil(minutes_each(len(part), page=minutes_page, start=minutes_start))
        pages = {
            CONSENT: _page(CONSENT, _CONSENT.format(n=len(part), minutes=minutes, contact=contact), [AGREE, REFUSE]),
            "instructions": _page("understood", _INSTRUCTIONS, ["I have read this"]),
        }
        for name, page in pages.items():
            (place / f"{name}.json").write_text(json.dumps(page, indent=1), "utf-8")
        config = _config(str(task), len(part), n_raters=n_raters, completion_code=completion_code, seed=seed)
        (place / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    plan.to_csv(folder / KEY, index=False)
    (folder / "requirements.txt").write_text(f"{PACKAGE}\n", "utf-8")
    (folder / "README.md").write_text(_readme(plan, n_raters), "utf-8")


def _instance(row, described: pd.Series, prompts: Mapping[str, str], answers: Mapping[str, str]) -> dict:
    persona = {"id": row.instance_id, "persona": described.get(row.persona_id)}
    if row.check:
        check = _CHECK.format(label=row.check)
        return {**persona, "question": check, "answer_a": "-", "answer_b": "-"}
    texts = [answers.get(row.answer_a_id), answers.get(row.answer_b_id)]
    found = {**persona, "question": prompts.get(row.prompt_id)}
    found |= dict(zip(("answer_a", "answer_b"), texts[::-1] if row.swapped else texts, strict=True))
    if missing := [name for name, text in found.items() if not isinstance(text, str) or not text]:
        raise SchemaError(f"study: {row.instance_id}: {', '.join(missing)} has no text")
    return found


def _page(name: str, text: str, labels: list[str]) -> list[dict]:
    """One page before the task: a text and what is to be clicked below it."""
    scheme = {"name": name, "annotation_type": "radio", "description": " ".join(text.split()), "labels": labels}
    return [{**scheme, "label_requirement": {"required": True}}]


def _config(task: str, n_pages: int, *, n_raters: int, completion_code: str, seed: int) -> dict:
    required = {"required": True}
    return {
        "annotation_task_name": "Which answer would this person rather have received?",
        "task_dir": ".",
        "output_annotation_dir": "annotation_output",
        "output_annotation_format": "jsonl",
        "data_files": ["items.jsonl"],
        "item_properties": {"id_key": "id", "text_key": "question"},
        "login": {"type": "url_direct", "url_argument": "PROLIFIC_PID"},
        "crowdsourcing": {"provider": "prolific"},
        "completion_code": completion_code,
        "user_config": {"allow_all_users": True, "users": []},
        "assignment_strategy": "random",
        "random_seed": seed,
        "num_annotators_per_item": n_raters,
        "max_annotations_per_user": n_pages,
        "instance_display": {
            "fields": [
                {"key": "persona", "type": "text", "label": "The person"},
                {"key": "question", "type": "text", "label": "The question"},
                {"key": "answer_a", "type": "text", "label": LABELS[0]},
                {"key": "answer_b", "type": "text", "label": LABELS[1]},
            ]
        },
        "annotation_schemes": [
            {
                "name": CHOICE,
                "annotation_type": "radio",
                "description": "Which answer would this person rather have received?",
                "labels": list(LABELS),
                "label_requirement": required,
            },
            {
                "name": REASON,
                "annotation_type": "text",
                "description": "Why? One sentence.",
                "label_requirement": required,
            },
        ],
        "phases": {
            "order": [CONSENT, "instructions", "annotation"],
            CONSENT: {
                "type": "consent",
                "file": f"{CONSENT}.json",
                "exit_when": {"show_when": [{"schema": CONSENT, "operator": "equals", "value": REFUSE}]},
            },
            "instructions": {"type": "instructions", "file": "instructions.json"},
            "annotation": {"type": "annotation"},
        },
    }


def minutes_each(n_pages: int, *, page: float = MINUTES_PAGE, start: float = MINUTES_START) -> float:
    """Minutes that a rater is expected to take: so many for the start, and for each of the pages."""
    return start + page * n_pages


def cost(
    *,
    n_personas: int,
    n_raters: int,
    n_items: int,
    hourly: float = HOURLY,
    fee: float = FEE,
    tax: float = TAX,
    minutes_page: float = MINUTES_PAGE,
    minutes_start: float = MINUTES_START,
) -> dict[str, float]:
    """What a study costs in the currency of the hourly pay: raters, hours, pay, fee, tax on the fee, total.

    `fee` is the platform's share on top of the pay, `tax` a share of the fee.

    Examples
    --------
    The paper's study, 80 raters of ten items and two checks, at 12 an hour: 22 minutes each.

    >>> found = cost(n_personas=20, n_raters=4, n_items=10)
    >>> [round(found[name], 2) for name in ("raters", "hours", "pay", "fee", "tax", "total")]
    [80, 29.33, 352.0, 117.22, 23.44, 492.66]
    """
    raters = n_personas * n_raters
    hours = raters * minutes_each(n_items + N_CHECKS, page=minutes_page, start=minutes_start) / 60
    pay = hours * hourly
    charged = pay * fee
    more = charged * tax
    return {"raters": raters, "hours": hours, "pay": pay, "fee": charged, "tax": more, "total": pay + charged + more}


def _readme(plan: pd.DataFrame, n_raters: int) -> str:
    tasks = plan["task"].unique()
    return f"""\
# A study with people

{len(tasks)} tasks, one a persona, with places for {n_raters} raters each. Ask your ethics board first; the page of
consent, `consent.json`, is a draft and yours to change.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    cd {tasks[0]} && ../venv/bin/potato start config.yaml -p 8000

On Prolific open one study a task with {n_raters} places, excluding whoever took part in another of them. Its address is

    https://YOUR-SERVER/?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&STUDY_ID={{{{%STUDY_ID%}}}}&SESSION_ID={{{{%SESSION_ID%}}}}

At the end raters are sent back with the completion code of `config.yaml`. To read the answers back:

    persona people read-study --study THIS-FOLDER --out people_judgements.parquet

Nobody is left out: who failed an attention check, or did not finish, is counted and marked. With
`agreement: {{people_judgements: PATH}}` in the configuration of the run, notebook 07 measures how people and models
agree, and the claims about people in notebook 15 get their verdicts.
"""
