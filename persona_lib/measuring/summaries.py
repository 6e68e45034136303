"""What summaries of a persona for a question leave out, and whether different models leave out the same.

As in the paper's Figure 11, and beside it: whether a summary serves its question as well as the description, and the
agreement of the models on one question.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from persona_lib.estimating import resample
from persona_lib.estimating.coefficients import cohen_kappa
from persona_lib.tables import schema

CLUSTERS = ["persona_id", "prompt_id"]


def summary_statistics(dropped: pd.DataFrame) -> pd.DataFrame:
    """Statistics of what summaries leave out, by the examiner and by rule; errors clustered by persona and prompt.

    Parameters
    ----------
    dropped : table `dropped`

    Returns
    -------
    Rows of table `benchmark`: drop_rate and drop_rate_by_rule of `all` and of each attribute, drop_rate of
    `model|attribute`, drop_agreement of examiner and rule, drop_correlation of `model|model`, kendall_w and
    kendall_w_question of `all`, n_dropped and equivalent of `all` and of each model.
    """
    ok = dropped["status"] == "ok"
    scored = dropped.assign(
        by_model=as_numbers(dropped["is_dropped"]).where(ok),
        by_rule=dropped["is_dropped_by_rule"].astype("float64"),
        is_equivalent=as_numbers(dropped["is_equivalent"]).where(ok),
    )
    rows = []
    groups = {"all": scored, **dict(iter(scored.groupby("attribute")))}
    for group, part in groups.items():
        for statistic, value in (("drop_rate", "by_model"), ("drop_rate_by_rule", "by_rule")):
            rows.append(resample.clustered_rate(part, value=value, clusters=CLUSTERS).row(statistic, group))
    for (model, attribute), part in scored.groupby(["model", "attribute"]):
        found = resample.clustered_rate(part, value="by_model", clusters=CLUSTERS)
        rows.append(found.row("drop_rate", f"{model}|{attribute}"))
    both = scored.dropna(subset=["by_model"])
    rows.append(
        schema.statistic(
            "drop_agreement",
            "examiner-rule",
            cohen_kappa(both, first="by_model", second="by_rule"),
            n=len(both),
            n_excluded=len(scored) - len(both),
            method="Cohen's kappa of examiner and rule",
        )
    )
    return pd.DataFrame(rows + _correlation_rows(scored) + _concordance_rows(scored) + _whole_rows(scored))


def kendall_w(labels: np.ndarray) -> float:
    """Kendall's coefficient of concordance, corrected for ties [1]_: 1 where all rank alike, 1/m by chance.

    From Friedman's statistic, W = chi2 / (m (n - 1)). NaN with one rater, fewer than three objects, or no rater who
    tells two objects apart.

    Parameters
    ----------
    labels : m raters x n objects, numbers that are ranked within each rater

    References
    ----------
    .. [1] M. G. Kendall, B. Babington Smith (1939). The problem of m rankings. Annals of Mathematical Statistics 10,
       275-287.

    Examples
    --------
    >>> round(kendall_w(np.array([[1, 2, 3], [1, 2, 3]])), 12)
    1.0
    """
    m, n = labels.shape
    if m < 2 or n < 3 or (labels == labels[:, :1]).all():
        return float("nan")
    return float(stats.friedmanchisquare(*labels.T).statistic / (m * (n - 1)))


def _concordance_rows(scored: pd.DataFrame) -> list[dict]:
    """Whether models leave out the same: over the attributes' drop rates, and on one question at a time."""
    rates = scored.pivot_table(index="model", columns="attribute", values="by_model", aggfunc="mean")
    overall = kendall_w(rates.dropna(axis=1).to_numpy())
    what = "Kendall's W, corrected for ties, between the models over the attributes"
    rows = [schema.statistic("kendall_w", "all", overall, n=len(rates), method=f"{what}' drop rates")]
    wide = scored.pivot(index=["item_id", *CLUSTERS, "model"], columns="attribute", values="by_model")
    complete = wide[wide.notna().all(axis=1)]
    n_models = scored["model"].nunique()
    keys = ["item_id", *CLUSTERS]
    each = [
        {**dict(zip(keys, item, strict=True)), "w": kendall_w(part.to_numpy()) if len(part) == n_models else np.nan}
        for item, part in complete.groupby(level=keys)
    ]
    questions = scored[keys].drop_duplicates().merge(pd.DataFrame(each, columns=[*keys, "w"]), on=keys, how="left")
    mean = resample.clustered_mean(questions, value="w", clusters=CLUSTERS, within=(0, 1))
    found = mean.row("kendall_w_question", "all")
    return [*rows, {**found, "method": f"{what} dropped on one question; {found['method']}"}]


def _correlation_rows(scored: pd.DataFrame) -> list[dict]:
    rates = scored.pivot_table(index="attribute", columns="model", values="by_model", aggfunc="mean").dropna()
    rows = []
    for one, other in combinations(rates.columns, 2):
        ranks = rates[[one, other]].rank()
        varies = len(ranks) > 2 and (ranks.nunique() > 1).all()
        value = ranks[one].corr(ranks[other]) if varies else np.nan
        method = "Spearman correlation of the attributes' drop rates"
        rows.append(schema.statistic("drop_correlation", f"{one}|{other}", value, n=len(rates), method=method))
    return rows


def _whole_rows(scored: pd.DataFrame) -> list[dict]:
    """Of whole summaries: how many attributes they drop, and whether they serve their question; undefined unless ok."""
    grouped = scored.groupby(["item_id", *CLUSTERS, "model"])
    summaries = grouped.agg(
        n_dropped=("by_model", lambda values: values.sum(skipna=False)), equivalent=("is_equivalent", "first")
    ).reset_index()
    n_attributes, rows = scored["attribute"].nunique(), []
    for group, part in {"all": summaries, **dict(iter(summaries.groupby("model")))}.items():
        n_dropped = resample.clustered_mean(part, value="n_dropped", clusters=CLUSTERS, within=(0, n_attributes))
        rows.append(n_dropped.row("n_dropped", group))
        rows.append(resample.clustered_rate(part, value="equivalent", clusters=CLUSTERS).row("equivalent", group))
    return rows


def as_numbers(booleans: pd.Series) -> pd.Series:
    """1.0, 0.0 and NaN for true, false and missing."""
    return booleans.astype("boolean").astype("Float64").astype("float64")
