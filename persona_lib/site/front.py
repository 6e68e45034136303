"""The site's first page and its gallery of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from persona_lib.showing.cards import pair_html
from persona_lib.showing.drawing import shown
from persona_lib.site import pages
from persona_lib.tables.descriptions import values_of

FORMATS = ("svg", "pdf", "csv")  # beside a figure's PNG, where they are there
SAID_OF = ("age_years", "sex", "race", "occupation", "religion", "ideology")  # of the persona of the example


def figure_rows(figures: pd.DataFrame, folder: str | Path) -> list[dict[str, Any]]:
    """What a page needs of each figure: its number, title, alternative text, place in the site and further formats.

    Parameters
    ----------
    figures : the table of this name
    folder : where the files lie

    Raises
    ------
    FileNotFoundError
        A file of the table is not in the folder.
    """
    rows, folder = [], Path(folder)
    for row in figures.to_dict("records"):
        file = folder / row["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file, though the table of figures has it; run notebook 14 again")
        beside = [(kind.upper(), file.with_suffix(f".{kind}")) for kind in FORMATS]
        rows.append(
            {
                "figure": row["figure"].lstrip("0"),
                "title": row["title"].rstrip("."),
                "alt": shown(file).alt or f"Figure {row['figure'].lstrip('0')}: {row['title']}",
                "is_simulated": row["is_simulated"],
                "src": f"figures/{row['file']}",
                "files": [(name, f"figures/{path.name}") for name, path in beside if path.is_file()],
            }
        )
    return rows


def figures_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """All figures, each with its caption; `rows` are those of `figure_rows`."""
    return pages.render("figures.html", figures=rows)


def home_page(
    tables: Mapping[str, pd.DataFrame],
    figures: Sequence[Mapping[str, Any]],
    *,
    configuration: Mapping[str, Any],
    simulated: bool,
) -> str:
    """What a visitor sees first: how much there is, one pair, two figures, and who answered.

    Parameters
    ----------
    tables : personas, pairs, answers, judgements, prompts and claims of one run
    figures : the rows of `figure_rows` to show
    configuration : of the run: its `roles` and `endpoints`
    """
    tiles = [
        (f"{len(tables['personas']):,}", "personas", "browse.html"),
        (f"{len(tables['pairs']):,}", "preference pairs", "browse.html"),
        (f"{int(tables['prompts']['is_kept'].sum()):,}", "prompts", "notebooks/04_prompts.html"),
        (f"{len(tables['judgements']):,}", "judgements of pairs", "notebooks/06_validation.html"),
        (f"{len(tables['claims']):,}", "claims of the paper", "claims.html"),
    ]
    model_of = {alias: endpoint["model"] for alias, endpoint in configuration["endpoints"].items()}
    roles = [
        (role, ", ".join(model_of.get(alias, alias) for alias in ([named] if isinstance(named, str) else named or [])))
        for role, named in configuration["roles"].items()
    ]
    return pages.render(
        "home.html", tiles=tiles, example=_example(tables), figures=figures, roles=roles, simulated=simulated
    )


def _example(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any] | None:
    """The first pair that has both answers: its id, and its prompt, persona and answers as HTML; None if none has."""
    text_of = tables["answers"].set_index("answer_id")["text"]
    usable = tables["pairs"][tables["pairs"]["status"] == "ok"].sort_values("pair_id")
    if usable.empty:
        return None
    pair = usable.iloc[0]
    prompt = tables["prompts"].set_index("prompt_id").loc[pair["prompt_id"], "text"]
    persona = tables["personas"].set_index("persona_id").loc[pair["persona_id"]]
    values = values_of(persona["description"])
    both = pair_html(
        title=prompt, rejected=text_of[pair["rejected_answer_id"]], chosen=text_of[pair["chosen_answer_id"]]
    )
    about = ", ".join(values[each] for each in SAID_OF if each in values)
    return {"pair_id": pair["pair_id"], "persona": f"{pair['persona_id']}: {about}", "html": Markup(both)}
