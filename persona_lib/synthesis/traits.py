"""Big Five scores, drawn, and traits from hand-made lists."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.synthesis.beliefs import SEX, mapped
from persona_lib.tables import streams
from persona_lib.tables.schema import UNKNOWN, SchemaError
from persona_lib.tables.values import BIG_FIVE

ARMS = {  # the words of a score and the cuts between them, in standard deviations
    "correlated": (("low", "average", "high"), (-0.5, 0.5)),
    "uniform": (("extremely low", "low", "average", "high", "extremely high"), (-0.8416, -0.2533, 0.2533, 0.8416)),
}
SEPARATOR = "; "


def correlations(norms: pd.DataFrame) -> pd.DataFrame:
    """The 5 x 5 correlation matrix of the norms' `correlation_r` rows.

    Raises
    ------
    SchemaError
        A pair is missing or doubled, or the matrix is not positive definite (no normal has it).
    """
    matrix = pd.DataFrame(np.eye(5), index=list(BIG_FIVE), columns=list(BIG_FIVE))
    rows = norms[norms["quantity"] == "correlation_r"]
    pairs = {tuple(sorted(pair.split("|"))): float(r) for pair, r in zip(rows["trait"], rows["value"], strict=True)}
    wanted = {tuple(sorted((a, b))) for a in BIG_FIVE for b in BIG_FIVE if a < b}
    if set(pairs) != wanted or len(rows) != len(wanted):
        raise SchemaError(f"big_five_norms: correlation_r must have each of the {len(wanted)} pairs of traits once")
    for (a, b), r in pairs.items():
        matrix.loc[a, b] = matrix.loc[b, a] = r
    smallest = np.linalg.eigvalsh(matrix.to_numpy()).min()
    if smallest <= 1e-8:
        raise SchemaError(f"big_five_norms: the correlations are not positive definite (eigenvalue {smallest:.3g})")
    return matrix


def big_five_means(people: pd.DataFrame, norms: pd.DataFrame) -> pd.DataFrame:
    """The expected score of each trait (standard deviations): age shift plus or minus half the sex difference.

    Ages below the youngest norm group take its shift. Sex "unknown" has no shift.
    """
    shifts = norms[norms["quantity"] == "age_shift_z"].pivot(index="age_group", columns="trait", values="value")
    if missing := set(BIG_FIVE) - set(shifts.columns):
        raise SchemaError(f"big_five_norms: age_shift_z of {', '.join(sorted(missing))} is missing")
    shifts = shifts[list(BIG_FIVE)].astype(float)
    starts = shifts.index.str.extract(r"^(\d+)", expand=False).astype(int).to_numpy()
    shifts = shifts.iloc[np.argsort(starts)]
    group = np.searchsorted(np.sort(starts), people["age_years"].to_numpy(), side="right") - 1
    differences = norms[norms["quantity"] == "sex_difference_d_women_minus_men"].set_index("trait")["value"]
    side = mapped(people["sex"], SEX, "sex").map({"Female": 0.5, "Male": -0.5, UNKNOWN: 0.0}).to_numpy(float)
    means = shifts.to_numpy()[group.clip(min=0)] + np.outer(side, differences[list(BIG_FIVE)].astype(float))
    return pd.DataFrame(means, index=people.index, columns=list(BIG_FIVE))


def draw_big_five(people: pd.DataFrame, norms: pd.DataFrame, *, arm: str, seed: int) -> pd.DataFrame:
    """Big Five scores, drawn, and the words that they are cut into at the points of `ARMS`.

    Arm "correlated": a normal with the published correlations around the person's age and sex means. These are
    draws from published correlations and shifts, not norms of any inventory. Arm "uniform": independent standard
    normals cut at their quintiles, so that each of five words is equally likely whoever the person is, as the
    profiles printed in the paper look.

    Parameters
    ----------
    people : columns age_years, sex
    norms : data/reference/big_five_norms.csv; not read by the arm uniform
    arm : a key of `ARMS`

    Returns
    -------
    Same index; one score per trait (standard deviations) and `big_five`, the five words.

    Raises
    ------
    SchemaError
        An arm that `ARMS` does not name; norms with a pair or a trait missing.
    """
    if arm not in ARMS:
        raise SchemaError(f"personas.big_five is {arm!r}; it must be one of {', '.join(ARMS)}")
    scores = pd.DataFrame(
        streams.generator(seed, "traits.big_five").standard_normal((len(people), 5)),
        index=people.index,
        columns=list(BIG_FIVE),
    )
    if arm == "correlated":
        scores = big_five_means(people, norms) + scores.to_numpy() @ np.linalg.cholesky(correlations(norms)).T
    words = [level(scores[trait], arm=arm) + f" {trait}" for trait in BIG_FIVE]
    return scores.assign(big_five=words[0].str.cat(words[1:], sep=", "))


def level(scores: pd.Series, *, arm: str) -> pd.Series:
    """A score as a word: each cut of `ARMS` belongs to the word above it.

    Examples
    --------
    >>> level(pd.Series([-0.51, -0.5, 0.49, 0.5]), arm="correlated").tolist()
    ['low', 'average', 'average', 'high']
    """
    words, cuts = ARMS[arm]
    return pd.Series(np.array(words)[np.searchsorted(cuts, scores, side="right")], index=scores.index, dtype="str")


def draw_listed(people: pd.DataFrame, entries: pd.DataFrame, name: str, *, n: int, seed: int) -> pd.DataFrame:
    """Draw `n` entries of different categories for each person, whoever the person is.

    Parameters
    ----------
    people : only its index is used
    entries : category, text, needs ('' or names of what the text presumes, joined by '+'; see `rules.NEEDS`)
    name : of the list; names the stream and the errors

    Returns
    -------
    Same index; `text` (joined by "; ") and `needs` (joined by '+', '' if none).
    """
    if missing := [c for c in ("category", "text", "needs") if c not in entries]:
        raise SchemaError(f"list {name}: column {', '.join(missing)} is missing")
    if entries["text"].duplicated().any() or (entries["text"].str.strip() == "").any():
        raise SchemaError(f"list {name}: a text is empty or stands twice")
    if entries["category"].nunique() < n:
        raise SchemaError(f"list {name}: {n} entries of different categories are drawn, but it has fewer categories")
    order = streams.generator(seed, f"traits.{name}").random((len(people), len(entries)))
    categories = entries["category"].to_numpy()
    picks = []
    for _ in range(n):
        best = order.argmax(axis=1)
        picks.append(entries.iloc[best].set_axis(people.index)[["text", "needs"]])
        order = np.where(categories[None, :] == categories[best][:, None], -1.0, order)
    joined = picks[0]
    for pick in picks[1:]:
        joined = joined.add({"text": SEPARATOR, "needs": "+"}) + pick
    return joined.assign(needs=joined["needs"].str.strip("+").str.replace(r"\++", "+", regex=True))
