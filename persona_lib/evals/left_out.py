"""What leaving an attribute out of the persona costs: the pass rate without it less that of the whole persona."""

from __future__ import annotations

import pandas as pd

from persona_lib.estimating import resample
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.measuring.summaries import as_numbers
from persona_lib.tables import schema

CLUSTERS = ["persona_id", "prompt_id"]
WHOLE = "whole"


def left_out_statistics(attempts: pd.DataFrame) -> pd.DataFrame:
    """Pass rates and paired differences by what is left out.

    Parameters
    ----------
    attempts : columns of table `attempts` and left_out (an attribute, or whole); one row per item, model and left_out

    Returns
    -------
    pass_rate of `model|left_out`; difference of `model|attribute`, on the same items less the whole persona, with
    errors clustered by the whole persona and the prompt; p_adjusted of it by Benjamini-Hochberg over the attributes.
    Below 0 the attribute helped. An item that was not scored on both sides is excluded and counted.
    """
    known = attempts.assign(
        passed=as_numbers(attempts["passed"]).where(attempts["status"] == "ok"),
        persona_id=attempts["critic_persona_id"],
    )
    rows, p_values = [], {}
    for (model, name), part in known.groupby(["model", "left_out"]):
        group = f"{model}|{name}"
        rows.append(resample.clustered_rate(part, value="passed", clusters=CLUSTERS).row("pass_rate", group))
        if name == WHOLE:
            continue
        whole = known[(known["model"] == model) & (known["left_out"] == WHOLE)].set_index("item_id")["passed"]
        both = part.assign(difference=part["passed"] - part["item_id"].map(whole))
        found = resample.clustered_mean(both, value="difference", clusters=CLUSTERS, within=(-1, 1))
        rows.append(found.row("difference", group))
        p_values[group] = found.p_value
    adjusted = adjusted_p_values(pd.Series(p_values, dtype="float64"), method="fdr_bh")
    method = f"Benjamini-Hochberg over {len(adjusted)} differences"
    for group, value in adjusted.items():
        rows.append(schema.statistic("p_adjusted", str(group), float(value), n=len(adjusted), method=method))
    return pd.DataFrame(rows, columns=list(schema.tables()["benchmark"].columns))
