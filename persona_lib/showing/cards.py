"""Texts as HTML: a persona, each line beside where it comes from; a pair, its answers side by side; tables of prose."""

from __future__ import annotations

from difflib import SequenceMatcher
from html import escape

import pandas as pd

from persona_lib.tables.descriptions import values_of
from persona_lib.tables.schema import SchemaError, attributes

ORIGINS = {  # in the order of the card
    "observed": "read from one record of the census file",
    "allocated": "in that record, but filled in by the Census Bureau, since the person gave no usable answer",
    "derived": "worked out from that record",
    "imputed": "drawn given the record",
    "listed": "drawn from hand-made lists",
    "written": "written by a model",
}
BESIDE = {"core_values": "Core values"}  # fields of a persona that are none of the 33 attributes


def card(personas: pd.DataFrame, provenance: pd.DataFrame, persona_id: str) -> pd.DataFrame:
    """One persona's lines with their origin.

    Parameters
    ----------
    personas, provenance : the tables of these names
    persona_id : a persona of both

    Returns
    -------
    One row per attribute and per field of `BESIDE`, by origin and then in the order of the description: origin,
    label, value (as the description has it), source, score.

    Raises
    ------
    SchemaError
        No such persona, or a field of it without provenance.
    """
    mine = personas[personas["persona_id"] == persona_id]
    if len(mine) != 1:
        raise SchemaError(f"personas: persona_id {persona_id} stands in {len(mine)} rows")
    known = attributes()
    rows = known.assign(value=known["attribute"].map(values_of(mine["description"].iloc[0])))
    rows = rows[["attribute", "label", "value"]]
    more = [{"attribute": field, "label": label, "value": mine[field].iloc[0]} for field, label in BESIDE.items()]
    rows = pd.concat([rows, pd.DataFrame(more)], ignore_index=True)
    of = provenance[provenance["persona_id"] == persona_id].set_index("field")[["origin", "source", "score"]]
    if lost := sorted(set(rows["attribute"]) - set(of.index)):
        raise SchemaError(f"provenance: {persona_id} lacks {', '.join(lost)}")
    table = rows.join(of, on="attribute")
    table["origin"] = pd.Categorical(table["origin"], categories=list(ORIGINS), ordered=True)
    table = table.sort_values("origin", kind="stable").astype({"origin": "str"})
    return table[["origin", "label", "value", "source", "score"]].reset_index(drop=True)


def card_html(table: pd.DataFrame, *, title: str) -> str:
    """A card as an HTML table, origins down the side. Every value is text: none of it is read as markup.

    Parameters
    ----------
    table : rows of `card`

    Examples
    --------
    >>> one = {"origin": ["listed"], "label": ["Lifestyle"], "value": ["<b>hikes</b>"], "source": ["list"]}
    >>> "&lt;b&gt;hikes&lt;/b&gt;" in card_html(pd.DataFrame(one), title="p0001")
    True
    """
    origin = table["origin"].map(lambda name: f"{name}: {ORIGINS[name]}" if name in ORIGINS else name)
    shown = table.assign(origin=origin).set_index(["origin", "label"])[["value", "source"]]
    with pd.option_context("display.max_colwidth", None):
        rows = shown.to_html(escape=True, header=False, index_names=False, border=0, justify="left")
    return f"<p><b>{escape(title)}</b></p>\n{rows}"


PROSE = "vertical-align:top;text-align:left;white-space:pre-line"


def prose_html(table: pd.DataFrame) -> str:
    """A table of sentences and lists as HTML: whole cells, to the left, lines as they are. All of it is text.

    Examples
    --------
    >>> shown = prose_html(pd.DataFrame({"why": ["one <b>", "two"]}, index=["01", "02"]))
    >>> shown.count("<tr>"), "one &lt;b&gt;" in shown
    (3, True)
    """
    rows = [
        "<tr>" + "".join(f'<{tag} style="{PROSE}">{escape(str(text))}</{tag}>' for tag, text in cells) + "</tr>"
        for cells in (
            [("th", table.index.name or ""), *(("th", column) for column in table)],
            *([("th", key), *(("td", text) for text in row)] for key, *row in table.itertuples()),
        )
    ]
    return "<table>\n" + "\n".join(rows) + "\n</table>"


GONE = "background:rgba(213,94,0,.18);text-decoration:line-through"
NEW = "background:rgba(0,114,178,.2);text-decoration:underline;font-weight:600"
SIDE = f"{PROSE};width:50%;padding:.5em"


def pair_html(*, title: str, rejected: str, chosen: str) -> str:
    """A pair's two answers side by side: struck out what the chosen one lost, underlined what it gained.

    The marks are told apart without colour. Every text is text: none of it is read as markup.

    Parameters
    ----------
    title : what the pair is of, such as the persona and its question
    rejected, chosen : the two answers; an empty one is shown as "none was made"

    Examples
    --------
    >>> shown = pair_html(title="p0001", rejected="a <b> c", chosen="a d c")
    >>> "<del" in shown, "&lt;b&gt;" in shown, "<b>" in shown.replace("<b>p0001</b>", "")
    (True, True, False)
    """
    left, right = _marked(rejected or "none was made", chosen or "none was made")
    heads = "".join(
        f'<th style="text-align:left">{head}</th>' for head in ("rejected: knows no persona", "chosen: the revision")
    )
    cells = f'<td style="{SIDE}">{left}</td><td style="{SIDE}">{right}</td>'
    return f"<p><b>{escape(title)}</b></p>\n<table><tr>{heads}</tr><tr>{cells}</tr></table>"


def _marked(old: str, new: str) -> tuple[str, str]:
    """Both texts as HTML, word by word, the words marked that only one of them has in that place."""
    before, after = old.split(" "), new.split(" ")
    left: list[str] = []
    right: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        lost, gained = escape(" ".join(before[a:b])), escape(" ".join(after[c:d]))
        left += [lost if kind == "equal" else f'<del style="{GONE}">{lost}</del>'] * (b > a)
        right += [gained if kind == "equal" else f'<ins style="{NEW}">{gained}</ins>'] * (d > c)
    return " ".join(left), " ".join(right)
