"""The committed small results of another run, such as that at the paper's size, beside the run that the site shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from persona_lib.showing.claims import claims_in_words
from persona_lib.site import front, pages
from persona_lib.site.results import Results

SIZES = {"personas": ("personas", "n"), "prompts": ("prompts", "n"), "items of the benchmark": ("benchmark", "n_items")}


def run_page(other: Results, *, shown: str, claims: pd.DataFrame) -> str:
    """The claims and figures of another run, first of all where its verdicts are not those of the run that is shown.

    Parameters
    ----------
    other : whose results the page is about
    shown, claims : the run that the site shows, and its table of claims
    """
    theirs = other.table("claims")
    figures = front.figure_rows(other.table("figures"), other.figures)
    for figure in figures:
        figure["src"] = f"{other.run}/{figure['src']}"
        figure["files"] = [(name, f"{other.run}/{path}") for name, path in figure["files"]]
    return pages.render(
        "other_run.html",
        run=other.run,
        shown=shown,
        simulated=other.is_simulated,
        sizes=[(name, other.configuration[block][key]) for name, (block, key) in SIZES.items()],
        calls=int(other.table("plan")["calls_expected"].sum()),
        moved=moved_verdicts(claims, theirs).to_dict("records"),
        claims=Markup(pages.claims_page(theirs, simulated=other.is_simulated)),
        figures=Markup(front.figures_page(figures)),
    )


def moved_verdicts(shown: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The claims on which two runs come to another verdict.

    Parameters
    ----------
    shown, other : tables `claims` of the two

    Returns
    -------
    One row a claim that both have: claim_id, claim, and ours and verdict of each, ending in _shown and _other.
    """
    both = []
    for table in (shown, other):
        told = claims_in_words(table)
        both.append(table[["claim_id", "claim", "verdict"]].assign(ours=told["ours"].to_numpy()))
    merged = both[0].merge(both[1].drop(columns="claim"), on="claim_id", suffixes=("_shown", "_other"))
    return merged[merged["verdict_shown"] != merged["verdict_other"]].reset_index(drop=True)


def copy_figures(other: Results, folder: Path) -> None:
    """Put its figures where its page looks for them."""
    shutil.copytree(other.figures, folder / other.run / "figures", dirs_exist_ok=True)
