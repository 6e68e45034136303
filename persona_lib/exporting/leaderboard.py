"""What PERSONA Bench says of one model: a row of the leaderboard, checked, and a page to read."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd

from persona_lib.tables.files import read_yaml, whole
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.values import MODES

LEAST_SCORED = 0.5  # share of the attempts of a mode below which its rate is no score
SCORED, NOT_SCORABLE = "scored", "not scorable"
STAMP = "The answers are simulated: this row says nothing about a language model."


def item_set(items: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame) -> str:
    """The sha256 of what is asked: every item with its persona's description and its prompt's text, sorted.

    Rows of the leaderboard can be compared where it is the same, and the judge too.
    """
    told = personas.set_index("persona_id")["description"], prompts.set_index("prompt_id")["text"]
    rows = sorted(
        {(told[0][who], told[1][what]) for who, what in zip(items["persona_id"], items["prompt_id"], strict=True)}
    )
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()


def row(
    statistics: pd.DataFrame,
    *,
    contestant: str,
    modes: Sequence[str],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The row of one model.

    A rate stands with its interval and counts, and corrected for the examiner's errors where the table has that. Of a
    mode of which less than `LEAST_SCORED` of the attempts were scored there are counts and no rate; its verdict is
    "not scorable", and so is that of the row if no mode is scored.

    Parameters
    ----------
    statistics : table `benchmark`
    contestant : the model's alias in the table's groups
    modes : the modes that were asked
    facts : model, date, judge, n_items, is_simulated, settings, item_set, as the schema says
    """
    known = statistics.set_index(["statistic", "group"])
    found = {}
    for mode in modes:
        group = f"{contestant}|{mode}"
        rate = known.loc[("pass_rate", group)]
        n, n_excluded = int(rate["n"]), int(rate["n_excluded"])
        is_scored = n > 0 and n >= LEAST_SCORED * (n + n_excluded)
        mine: dict[str, Any] = {"verdict": SCORED if is_scored else NOT_SCORABLE, "n": n, "n_excluded": n_excluded}
        for name, statistic in (("pass_rate", "pass_rate"), ("corrected", "corrected")):
            has = is_scored and (statistic, group) in known.index
            values = known.loc[(statistic, group)] if has else {}
            ends = ("estimate", "low", "high")
            mine[name] = {end: _number(values[end]) for end in ends} if has else None
        found[mode] = mine
    is_scored = any(mine["verdict"] == SCORED for mine in found.values())
    return {**facts, "verdict": SCORED if is_scored else NOT_SCORABLE, "modes": found}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def checked(entry: Any, where: str | Path) -> dict[str, Any]:
    """A row that fits `leaderboard.yaml`.

    Raises
    ------
    SchemaError
        One line: the file, the place in it, and what is wrong.
    """
    schema = read_yaml(Path(__file__).with_name("leaderboard.yaml"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(entry))
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or "the whole"
        raise SchemaError(f"{where}: {place}: {error.message[:200]}; run persona bench again, it writes the row anew")
    return entry


def write(entry: Mapping, path: str | Path) -> None:
    """Check a row and write it as JSON, whole or not at all."""
    checked(dict(entry), path)
    with whole(path) as half:
        half.write_text(json.dumps(entry, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def read(folder: str | Path) -> pd.DataFrame:
    """Every row of a folder of the leaderboard: file, model, date, judge, item_set, and one column a mode, best first.

    Raises
    ------
    SchemaError
        A file that is no JSON, such as one half written, or does not fit; names it.
    """
    rows = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            entry = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            what = "run persona bench again, it writes the row anew, or delete the file"
            raise SchemaError(f"{path}: no JSON, or half of it ({error}); {what}") from error
        entry = checked(entry, path)
        rates = {mode: (entry["modes"].get(mode) or {}).get("pass_rate") for mode in MODES}
        shown = {mode: rate["estimate"] if rate else math.nan for mode, rate in rates.items()}
        rows.append({"file": path.name, **{k: entry[k] for k in ("model", "date", "judge", "item_set")}, **shown})
    table = pd.DataFrame(rows, columns=["file", "model", "date", "judge", "item_set", *MODES])
    return table.sort_values(["summary", "file"], ascending=[False, True], ignore_index=True)


def page(entry: Mapping, statistics: Mapping[str, pd.DataFrame]) -> str:
    """A page of HTML: verdict, rates by mode, settings, and every table that is handed in. All text is escaped.

    Parameters
    ----------
    entry : the row of the leaderboard
    statistics : tables by their title
    """
    head = f"PERSONA Bench: {entry['model']}"
    stamp = f"<p><strong>{escape(STAMP)}</strong></p>" if entry["is_simulated"] else ""
    rates = [
        (
            mode,
            mine["verdict"],
            _interval(mine["pass_rate"]),
            _interval(mine["corrected"]),
            mine["n"],
            mine["n_excluded"],
        )
        for mode, mine in entry["modes"].items()
    ]
    names = ["mode", "verdict", "pass rate (95 %)", "corrected for the examiner (95 %)", "scored", "not scored"]
    facts = [(key, str(entry[key])) for key in ("date", "judge", "n_items", "item_set", "verdict")]
    facts += [("human ceiling", "unknown: nobody has judged these items as a person")]
    facts += [(f"settings.{key}", str(value)) for key, value in entry["settings"].items()]
    parts = [
        f"<h2>{escape(title)}</h2>{_table(t.columns, t.itertuples(index=False))}" for title, t in statistics.items()
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(head)}</title>'
        "<style>body{font:15px sans-serif;max-width:60em;margin:2em auto}td,th{padding:2px 9px;text-align:left}</style>"
        f"<h1>{escape(head)}</h1>{stamp}{_table(names, rates)}<h2>How</h2>{_table(['what', 'value'], facts)}"
        f"{''.join(parts)}</html>\n"
    )


def _interval(rate: Mapping | None) -> str:
    if rate is None or rate["estimate"] is None:
        return "no number"
    ends = "" if rate["low"] is None else f" ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"
    return f"{100 * rate['estimate']:.1f} %{ends}"


def _table(names, rows) -> str:
    def shown(value: Any) -> str:
        return escape(f"{value:.4g}" if isinstance(value, float) else str(value))

    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{shown(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
