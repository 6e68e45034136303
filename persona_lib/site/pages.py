"""The site's pages on claims, decisions and the leaderboard, as HTML whose every text is escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from persona_lib.showing.claims import VERDICTS, claims_in_words
from persona_lib.showing.findings import percentage

PACKAGE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A template of `templates/` filled in: in .html all text is escaped, and a name that is not given stops it.

    Examples
    --------
    >>> "&lt;script&gt;" in render("leaderboard.html", columns=["<script>"], rows=[["x"]])
    True
    """
    return _templates().get_template(template).render(**values)


def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PACKAGE / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"slug": slug, "code": code}
    return found


def slug(text: str) -> str:
    """A text as the name of a place in a page.

    Examples
    --------
    >>> slug("Section 4: agreement")
    'section-4-agreement'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def code(text: str) -> Markup:
    """A text, escaped, whose words between backticks are set as code.

    Examples
    --------
    >>> str(code("`a` < b"))
    '<code>a</code> &lt; b'
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def number(value: float | None) -> str:
    """A number with three figures that count; '' where it is undefined.

    Examples
    --------
    >>> number(0.12345), number(1586.0), number(float("nan"))
    ('0.123', '1,586', '')
    """
    if value is None or pd.isna(value):
        return ""
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def claims_page(claims: pd.DataFrame, *, simulated: bool, alone: bool = False) -> str:
    """The ledger of claims: the verdicts counted and explained, then the claims by section of the paper.

    Parameters
    ----------
    claims : the table of this name
    simulated : whether the known truth stands beside our value
    alone : a document of its own, with its style, in place of the body of a page
    """
    counts, told = claims["verdict"].value_counts(), claims_in_words(claims)
    rows = claims.assign(ours=told["ours"].to_numpy(), truth=told["truth"].to_numpy())
    sections = [(name, part.to_dict("records")) for name, part in rows.groupby("section", sort=False)]
    verdicts = [(name, int(counts[name]), meaning) for name, meaning in VERDICTS.items() if name in counts]
    template = "claims_alone.html" if alone else "claims.html"
    return render(template, n=len(claims), simulated=simulated, verdicts=verdicts, sections=sections)


def decisions_page(decisions: pd.DataFrame) -> str:
    """The register of decisions, one section a decision; `decisions` is data/reference/decisions.csv read as text."""
    return render("decisions.html", decisions=decisions.to_dict("records"))


def leaderboard_page(entries: Sequence[Mapping[str, Any]]) -> str:
    """One row a measured model, one column a fact of it, and one a mode with its pass rate and interval.

    A mode without a rate shows its verdict. Facts in parts, such as the settings, are left out.

    Parameters
    ----------
    entries : the rows of data/leaderboard; shown by their rate in mode `summary`, the best first
    """
    flat = []
    for row in sorted(entries, key=lambda row: -(_rate(row, "summary").get("estimate") or 0)):
        facts = {key: value for key, value in row.items() if not isinstance(value, dict | list)}
        rates = {mode: _rate(row, mode) or said.get("verdict") for mode, said in (row.get("modes") or {}).items()}
        shown = {
            mode: percentage(*(math.nan if rate.get(end) is None else rate[end] for end in ("estimate", "low", "high")))
            if isinstance(rate, dict)
            else rate
            for mode, rate in rates.items()
        }
        flat.append({"model": row.get("model"), **shown, **facts})
    columns = list(dict.fromkeys(key for row in flat for key in row))
    rows = [[_cell(row.get(column)) for column in columns] for row in flat]
    return render("leaderboard.html", columns=[column.replace("_", " ") for column in columns], rows=rows)


def _rate(row: Mapping[str, Any], mode: str) -> Mapping[str, Any]:
    return ((row.get("modes") or {}).get(mode) or {}).get("pass_rate") or {}


def _cell(value: object) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return number(value)
    return "" if value is None else str(value)
