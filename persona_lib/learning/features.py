"""Numbers from texts and personas, for preference models: fitted on what is trained on, applied to everything."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

from persona_lib.tables.descriptions import is_shown
from persona_lib.tables.schema import attributes

WORDS_UNIT = 20  # words that count as much as one standard deviation of a component
LEAST_SHARE = 0.10  # a value that fewer train personas have, or all but so few, is no feature
LEVELS = {"extremely low": -2.0, "low": -1.0, "average": 0.0, "high": 1.0, "extremely high": 2.0}
AMOUNTS = {"age_years": (47.0, 18.0), "income_usd": (10.3, 1.2)}  # center and scale; income in logarithms
LEAST_INCOME_USD = 1000.0
DEMOGRAPHIC, IDIOSYNCRATIC, ALL = "demographic", "idiosyncratic", "all"


def text_features(answers: pd.DataFrame, *, fitted_on: set[str], n_components: int, seed: int) -> pd.DataFrame:
    """Latent semantic analysis of answers (TF-IDF of words and word pairs, truncated SVD), and their length.

    Parameters
    ----------
    answers : answer_id, text, n_words; one row per answer
    fitted_on : answer_ids whose words and components are learned; the others are only projected
    n_components : at most; fewer where the texts have fewer words or are fewer

    Returns
    -------
    One row per answer_id: the components, each of standard deviation 1 over `fitted_on`, and n_words in units of
    `WORDS_UNIT`. Without two texts to fit on only n_words.
    """
    table = answers.drop_duplicates("answer_id").set_index("answer_id")
    found = pd.DataFrame({"n_words": table["n_words"] / WORDS_UNIT})
    basis = table.loc[table.index.isin(fitted_on) & (table["text"] != ""), "text"].sort_index()
    if len(basis) < 2:
        return found
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(basis) > 20 else 1, sublinear_tf=True)
    counted = words.fit_transform(basis)
    n = min(n_components, counted.shape[1] - 1, len(basis) - 1)
    if n < 1:
        return found
    reduce = TruncatedSVD(n, random_state=seed % 2**32).fit(counted)
    placed = reduce.transform(words.transform(table["text"]))
    spread = placed[table.index.isin(basis.index)].std(axis=0)
    names = [f"component_{i + 1:02d}" for i in range(n)]
    return found.join(pd.DataFrame(placed / np.where(spread > 0, spread, 1), index=table.index, columns=names))


def persona_features(personas: pd.DataFrame, *, lines_shown: str) -> pd.DataFrame:
    """What a model may read of each persona, as numbers.

    Indicators of the values that at least `LEAST_SHARE` of the train personas have (and lack), less their mean; age and
    the logarithm of income as amounts; the Big Five by their levels. Values that hardly anybody shares, such as a
    lifestyle, can teach nothing about another person.

    Parameters
    ----------
    personas : table `personas`
    lines_shown : demographic (what the census observes), idiosyncratic (the other attributes) or all

    Returns
    -------
    One row per persona_id; a missing amount is 0, the middle.
    """
    table = personas.set_index("persona_id")
    is_train = (table["persona_split"] == "train").to_numpy()
    shown = [name for name in attributes()["attribute"] if is_shown(name, lines_shown)]
    columns: dict[str, pd.Series] = {}
    for name in shown:
        if name in AMOUNTS:
            amount = table[name].astype("float64")
            amount = np.log(amount.clip(lower=LEAST_INCOME_USD)) if name == "income_usd" else amount
            columns[name] = ((amount - AMOUNTS[name][0]) / AMOUNTS[name][1]).fillna(0.0)
        elif name == "big_five":
            columns |= _levels(table[name])
        else:
            for value, share in table.loc[is_train, name].value_counts(normalize=True).sort_index().items():
                if LEAST_SHARE <= share <= 1 - LEAST_SHARE:
                    columns[f"{name}={value}"] = (table[name] == value) - share
    return pd.DataFrame(columns, index=table.index, dtype="float64")


def _levels(big_five: pd.Series) -> dict[str, pd.Series]:
    """One column per trait from 'low openness, average extraversion, ...'; 0 where a trait is not named."""
    said = [
        {words.rpartition(" ")[2]: LEVELS.get(words.rpartition(" ")[0], 0.0) for words in value.split(", ")}
        for value in big_five
    ]
    table = pd.DataFrame(said, index=big_five.index).fillna(0.0)
    return {str(name): table[name] for name in sorted(table.columns)}
