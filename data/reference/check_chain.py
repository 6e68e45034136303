"""Does the chain, fitted to one survey, predict the respondents of another? Its result is committed, its source not.

    python data/reference/check_chain.py FOLDER [--out data/reference]

FOLDER holds gss_{religion,ideology,party}.csv (unweighted cross-tables of GSS respondents). The slopes of
chain_coefficients.csv stay as they are; the answers of both surveys are gathered into groups that they share, and the
intercept of each group is moved until the chain has the other survey's margin, so that only the slopes are tried.

chain_external.csv   bits per respondent of the other survey's own margin and of the chain, with the paired error
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.synthesis.beliefs import CHAIN, chain_probabilities

SOURCE = "General Social Survey, unweighted cross-tables of 3,505 respondents"
FILES = {"religion": "religion", "ideology": "ideology", "political_views": "party"}  # gss_*.csv

# group: (answers of the chain, answers of the GSS); "Not sure" about ideology is not an answer of the GSS
SHARED = {
    "religion": {
        "Protestant": (["Protestant"], ["Protestant"]),
        "Catholic": (["Catholic"], ["Catholic"]),
        "Other Christian": (["Other Christian"], ["Other Christian"]),
        "Jewish": (["Jewish"], ["Jewish"]),
        "None": (["Atheist or agnostic", "Nothing in particular"], ["No religion"]),
        "Other faith": (["Other faith", "Not stated"], ["Other faith"]),
    },
    "ideology": {
        "Right": (
            ["Conservative", "Very conservative"],
            ["Slightly conservative", "Conservative", "Extremely conservative"],
        ),
        "Middle": (["Moderate"], ["Moderate, middle of the road"]),
        "Left": (["Liberal", "Very liberal"], ["Slightly liberal", "Liberal", "Extremely liberal"]),
    },
    "political_views": {
        "Republican": (
            ["Strong Republican", "Not very strong Republican"],
            ["Strong republican", "Not very strong republican"],
        ),
        "Leans Republican": (["Leans Republican"], ["Independent, close to republican"]),
        "Neither": (["Independent", "Not sure"], ["Independent (neither, no response)", "Other party"]),
        "Leans Democrat": (["Leans Democrat"], ["Independent, close to democrat"]),
        "Democrat": (
            ["Strong Democrat", "Not very strong Democrat"],
            ["Strong democrat", "Not very strong democrat"],
        ),
    },
}
# answers of the GSS, as predictors: the chain's levels, averaged where there are two
AS_PREDICTOR = {
    "religion": {"No religion": ["Atheist or agnostic", "Nothing in particular"]},
    "ideology": {
        "Slightly conservative": ["Moderate", "Conservative"],
        "Extremely conservative": ["Very conservative"],
        "Moderate, middle of the road": ["Moderate"],
        "Slightly liberal": ["Moderate", "Liberal"],
        "Extremely liberal": ["Very liberal"],
    },
}


def chances(cells: pd.DataFrame, coefficients: pd.DataFrame, field: str) -> np.ndarray:
    """The chain's chance of each shared group (columns) for each cell of a cross-table, before any calibration."""
    bare = coefficients.assign(
        coefficient=coefficients["coefficient"].mask(coefficients["predictor"] == "calibration", 0)
    )
    spread = cells.assign(cell=range(len(cells)))
    for name, levels in AS_PREDICTOR.items():
        if name in cells and name != field:
            mapped = spread[name].map(lambda value, levels=levels: levels.get(value, [value]))
            spread = spread.assign(**{name: mapped}).explode(name)
    each = chain_probabilities(spread.reset_index(drop=True), bare, field)
    found = np.column_stack([each[ours].sum(axis=1) for ours, _ in SHARED[field].values()])
    found = pd.DataFrame(found).groupby(spread["cell"].to_numpy()).mean().to_numpy()
    return found / found.sum(axis=1, keepdims=True)


def calibrated(chance: np.ndarray, n: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """The chances with each group's intercept moved until their mean over `n` respondents is `margin`."""
    for _ in range(500):
        now = n @ chance / n.sum()
        if np.abs(now - margin).max() < 1e-10:
            return chance
        chance = chance * (margin / now)
        chance = chance / chance.sum(axis=1, keepdims=True)
    raise SystemExit("calibration did not converge; is a margin 0?")


def main() -> None:
    """Score every field, write one row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the source cross-tables")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the table is written")
    options = parser.parse_args()
    coefficients = pd.read_csv(Path(__file__).parent / "chain_coefficients.csv", keep_default_na=False)
    found = []
    for field in CHAIN:
        cells = pd.read_csv(options.folder / f"gss_{FILES[field]}.csv", keep_default_na=False)
        cells = cells.rename(columns={"party": "political_views"})
        groups = list(SHARED[field])
        of = {answer: group for group, (_, theirs) in SHARED[field].items() for answer in theirs}
        y, n = cells[field].map(of).map(groups.index).to_numpy(), cells["n"].to_numpy(float)
        margin = np.bincount(y, weights=n) / n.sum()
        chance = calibrated(chances(cells, coefficients, field), n, margin)
        bits, bare = -np.log2(chance[np.arange(len(y)), y]), -np.log2(margin[y])
        gain = bare - bits
        mean = n @ gain / n.sum()
        error = np.sqrt(n @ (gain - mean) ** 2) / n.sum()
        row = {"field": field, "n": int(n.sum()), "n_groups": len(groups), "margin_bits": n @ bare / n.sum()}
        row |= {"chain_bits": n @ bits / n.sum(), "better_by_bits": mean, "standard_error": error}
        found.append(row)
    table = pd.DataFrame(found).assign(source=SOURCE).round(4)
    table.to_csv(options.out / "chain_external.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
