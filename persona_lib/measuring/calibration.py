"""How often the examiner is right, and what pass rates are worth once its errors are taken out; and subtlety.

An answer whose right verdict is known is examined (table `calibration`): sensitivity is the share that passes of those
that should, specificity the share that fails of those that should not.
"""

from __future__ import annotations

import pandas as pd

from persona_lib.estimating import misclassification, resample
from persona_lib.measuring.benchmark import CLUSTERS, own_attempts
from persona_lib.measuring.summaries import as_numbers
from persona_lib.tables.revisions import named
from persona_lib.tables.values import MODES

WRONG = ("swapped", "generic")  # kinds of answers that should not pass


def verdicts(calibration: pd.DataFrame) -> pd.DataFrame:
    """The examinations with `is_right`: 1.0 where the examiner said what it should, 0.0 where not, NaN unless ok.

    Examples
    --------
    >>> rows = pd.DataFrame({"kind": ["accepted", "swapped", "generic"], "passed": [True, True, None], "status": "ok"})
    >>> verdicts(rows.astype({"passed": "boolean"})).is_right.tolist()
    [1.0, 0.0, nan]
    """
    passed = as_numbers(calibration["passed"]).where(calibration["status"] == "ok")
    return calibration.assign(is_right=passed.where(calibration["kind"] == "accepted", 1 - passed))


def accuracies(calibration: pd.DataFrame) -> dict[tuple[str, str], resample.Estimate]:
    """Sensitivity on accepted revisions; specificity on swapped and generic answers, and on both together (`all`)."""
    told = verdicts(calibration)
    kinds = {("sensitivity", "accepted"): ["accepted"], ("specificity", "all"): list(WRONG)}
    kinds |= {("specificity", kind): [kind] for kind in WRONG}
    return {key: _rate(told[told["kind"].isin(some)], "is_right") for key, some in kinds.items()}


def explicitness(own: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """Whether each answer names an attribute of its persona, by the rule that revisions keep (`revisions.named`).

    What the question names gives nothing away. The rule is blind to paraphrase, so it finds too little.

    Parameters
    ----------
    own : the result of `benchmark.own_attempts`

    Returns
    -------
    The attempts with is_explicit (1.0, 0.0, NaN where there is no answer), and is_subtle: 1.0 where the answer passes
    and names nothing, 0.0 where not, NaN where one of the two is unknown.
    """
    described = own["persona_id"].map(personas.set_index("persona_id")["description"])
    asked = own["prompt_id"].map(prompts.set_index("prompt_id")["text"])
    said = [
        bool(named(answer, person, known=prompt)) if answer else None
        for answer, person, prompt in zip(own["answer"], described, asked, strict=True)
    ]
    explicit = pd.Series(said, index=own.index, dtype="float64")
    return own.assign(is_explicit=explicit, is_subtle=own["passed"] * (1 - explicit))


def examiner_statistics(
    attempts: pd.DataFrame, calibration: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame
) -> pd.DataFrame:
    """How often the examiner is right, what pass rates are worth once its errors are taken out, and subtlety.

    Returns
    -------
    Rows of table `benchmark`: sensitivity and specificity by kind of answer; by `model|mode`, with model `all` for the
    contestants pooled, corrected (the estimated share of answers that suit their persona, see
    `misclassification.corrected`), explicit and subtle; explicit_difference by `model|chain_of_thought-output_only`.
    """
    known = accuracies(calibration)
    right = known["sensitivity", "accepted"], known["specificity", "all"]
    rows = [found.row(*key) for key, found in known.items()]
    own = explicitness(own_attempts(attempts), personas, prompts)
    keys = ["item_id", *CLUSTERS, "model", "attempt"]
    for model, part in {**dict(iter(own.groupby("model"))), "all": own}.items():
        for mode in (mode for mode in MODES if (part["mode"] == mode).any()):
            cell, group = part[part["mode"] == mode], f"{model}|{mode}"
            rows.append(misclassification.corrected(_rate(cell, "passed"), *right).row("corrected", group))
            rows.append(_rate(cell, "is_explicit").row("explicit", group))
            rows.append(_rate(cell, "is_subtle").row("subtle", group))
        steps, direct = (
            part[part["mode"] == mode].set_index(keys)["is_explicit"] for mode in ("chain_of_thought", "output_only")
        )
        paired = (steps - direct).rename("difference").reset_index()
        found = resample.clustered_mean(paired, value="difference", clusters=CLUSTERS, within=(-1, 1))
        rows.append(found.row("explicit_difference", f"{model}|chain_of_thought-output_only"))
    return pd.DataFrame(rows)


def _rate(table: pd.DataFrame, value: str) -> resample.Estimate:
    return resample.clustered_rate(table, value=value, clusters=CLUSTERS)
