"""The captions of the committed figures: every number in them is counted again from the committed tables.

A caption is read from the file of its figure. What is counted is taken out of it, then what is no count, such as a
level of confidence; a digit that is left fails the test.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from persona_lib.showing.findings import number, percentage
from persona_lib.showing.matrices import by_likeness
from persona_lib.tables import schema

ROOT = Path(__file__).parents[1]
FIGURES, TABLES = ROOT / "figures/expected/demo", ROOT / "data/expected/demo"
NO_COUNTS = (r"95 %", r"middle 90 %", r"0 to 100 %", r"Figures? \d+( and \d+)?", r"section 3\.1")


def table(name: str) -> pd.DataFrame:
    return schema.read(TABLES / f"{name}.parquet", name)


def caption(figure: int) -> str:
    with Image.open(FIGURES / f"figure_{figure:02d}.png") as image:
        return image.info["Description"]


def told(name: str, statistic: str, form) -> str:
    rows = table(name).set_index(["statistic", "group"])
    return form(*rows.loc[(statistic, "all"), ["estimate", "low", "high"]])


def size(counts, of: str, *, left_out: int = 0) -> str:
    low, high = min(counts), max(counts)
    said = f"n = {low:,} {of}" if low == high else f"n = {low:,} to {high:,} {of}"
    return f"{said}; {left_out:,} left out as unscored." if left_out else f"{said}."


def construction():
    personas = table("personas")
    return ["the 33 attributes", f"{personas['persona_id'].min()} of this run's {len(personas):,} personas"]


def topics():
    prompts = table("prompts")
    kept = prompts[prompts["is_kept"]]["prompt_split"].value_counts()
    splits = [f"train ({kept['train']:,})", f"held out ({kept['heldout_prompt']:,})"]
    prism = pd.read_csv(ROOT / "data/reference/prism_topics.csv").query("topic in @prompts.topic")["conversations"]
    beside = f"{prism.sum():,} conversations of people"
    return [f"the {kept.sum():,} prompts kept", *splits, f"all {len(prompts):,} prompts", beside]


def influence():
    """A kappa has a question for every answer that both arms chose on; the rest of the questions were left out."""
    choices = table("ablation_judgements").query("pairs == 'revised' and arm in ['with', 'without']")
    both = choices[choices["status"] == "ok"].groupby(["attribute", "persona_id", "item_id"]).size().eq(2)
    n = both.groupby(["attribute", "persona_id"]).sum()
    adjusted = table("influences").query("statistic == 'p_adjusted' and group != 'placebo'")["estimate"]
    n_attributes = choices["attribute"].nunique() - 1
    asked = choices.groupby(["attribute", "persona_id"])["item_id"].nunique()
    of_rows = table("influences").query("statistic == 'persona_kappa'")
    assert of_rows["n_excluded"].sum() in (0, (asked - n).sum())
    left_out = int(of_rows["n_excluded"].sum())
    return [size(n, "questions a kappa", left_out=left_out), f"({(adjusted < 0.05).sum()} of {n_attributes})"]


def matrix(comparison: str) -> list[str]:
    """Panels have the cells on and above the diagonal, in the order of likeness."""
    kappas = table("kappas")
    place = {persona: i for i, persona in enumerate(by_likeness(kappas))}
    drawn = kappas[kappas["comparison"].isin([comparison, "rater-majority"])]
    upper = drawn[drawn["rater_a"].map(place) <= drawn["rater_b"].map(place)]
    return [
        f"undefined, {upper['kappa'].isna().sum():,} of {len(upper):,} cells",
        size(drawn["n"], "shared items a cell"),
    ]


def histogram(comparison: str) -> list[str]:
    return matrix(comparison)[1:]


def modes():
    attempts = table("attempts")
    own = attempts[attempts["critic_persona_id"] == attempts["persona_id"]]
    n = own.groupby(["model", "mode"])["passed"].agg(["count", "size"])
    return [size(n["count"], "items a model and mode", left_out=int((n["size"] - n["count"]).sum()))]


def dropped_attributes():
    rows = table("dropped")
    n = {column: rows[column].nunique() for column in ("model", "persona_id", "prompt_id")}
    each = rows.groupby(["item_id", "model"])["status"].agg(lambda status: set(status) == {"ok"})
    counts = f"{len(each):,} summaries by {n['model']} models of {n['persona_id']} personas"
    return [
        f"{counts}, each for one of {n['prompt_id']} questions; {(~each).sum():,} unscored",
        f"with respect to the question: {told('benchmark', 'equivalent', percentage)}.",
        f"Kendall's W between the models, 1 where they drop alike: {told('benchmark', 'kendall_w', number)}",
        f"question {told('benchmark', 'kendall_w_question', number)}, {1 / n['model']:.2f} by chance",
    ]


def pass_curves():
    """An item without a scored attempt is left out of its curve, once and not at every k."""
    fresh = table("pass_attempts").query("examination == 0")
    scored = fresh.groupby(["model", "mode", "item_id"])["passed"].count().gt(0).groupby(["model", "mode"])
    return [size(scored.sum(), "items a curve", left_out=int((scored.size() - scored.sum()).sum()))]


def census_demographics():
    margins = table("margins").set_index(["attribute", "category"])
    census, draws = (margins[margins["source"] == source] for source in ("census", "draws"))
    n = draws.groupby("attribute")["n"].transform("sum").astype(float)
    aim = census["share"].reindex(draws.index).fillna(0)
    counted = (n * aim >= 5) & (aim < 1)
    far = (draws["share"] - aim).abs() > 1.96 * np.sqrt(aim * (1 - aim) / n)
    correlation = told("fidelity", "share_correlation", number)
    return [
        f"the {census.index.get_level_values('attribute').nunique()} attributes",
        f"the {int(census.groupby('attribute')['n'].sum().max()):,} census records",
        f"correlate with the census at {correlation} over redraws",
        f"Of the {counted.sum()} shares that expect five draws {(far & counted).sum()} are further off",
    ]


COUNTED = {
    1: construction,
    2: lambda: [f"the {len(table('personas')):,} personas"],
    3: topics,
    4: lambda: [],
    5: influence,
    6: lambda: matrix("model-rater"),
    7: lambda: histogram("model-rater"),
    8: lambda: matrix("model-model"),
    9: lambda: histogram("model-model"),
    10: modes,
    11: dropped_attributes,
    12: pass_curves,
    13: census_demographics,
}


def check(said: str, counts: list[str]) -> None:
    """Fails where a count is not what the tables say, and where a number is left that nobody counted."""
    left = said.split(". ", 1)[1]  # without the title
    for counted in counts:
        assert counted in left, f"{counted!r} is not in: {left}"
        left = left.replace(counted, "", 1)
    for pattern in NO_COUNTS:
        left = re.sub(pattern, "", left)
    assert not re.search(r"\d", left), f"nobody counted this again: {left}"


@pytest.mark.parametrize("figure", COUNTED)
def test_every_number_of_a_caption_is_counted_again(figure):
    check(caption(figure), COUNTED[figure]())


def test_a_wrong_count_and_one_that_nobody_recounts_are_seen():
    said, counts = caption(10), modes()
    with pytest.raises(AssertionError, match="is not in"):
        check(said.replace("n = ", "n = 1"), counts)
    with pytest.raises(AssertionError, match="nobody counted"):
        check(f"{said} Of 12 items one is odd.", counts)
