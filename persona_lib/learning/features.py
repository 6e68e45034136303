"""Numbers from texts and personas, for preference models: fitted on what is trained on, applied to everything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline, make_pipeline  # type: ignore[import-untyped]

from persona_lib.tables.descriptions import is_shown
from persona_lib.tables.schema import attributes

WORDS_UNIT = 20  # words that count as much as one standard deviation of a component
LEAST_SHARE = 0.10  # a value that fewer train personas have, or all but so few, is no feature
LEVELS = {"extremely low": -2.0, "low": -1.0, "average": 0.0, "high": 1.0, "extremely high": 2.0}
AMOUNTS = {"age_years": (47.0, 18.0), "income_usd": (10.3, 1.2)}  # center and scale; income in logarithms
LEAST_INCOME_USD = 1000.0
BLOCK = 20_000  # texts read at once, so that memory does not grow with a run
DEMOGRAPHIC, IDIOSYNCRATIC, ALL = "demographic", "idiosyncratic", "all"


@dataclass(frozen=True)
class TextReader:
    """Reads texts as numbers: latent semantic analysis (TF-IDF of words and word pairs, truncated SVD), and length.

    Attributes: `components`, the fitted steps from texts to numbers, None where there were too few texts to learn from;
    `spread` of each component over the texts it was learned from (components,).
    """

    components: Pipeline | None = None
    spread: np.ndarray = field(default_factory=lambda: np.empty(0))

    def features(self, answers: pd.DataFrame) -> pd.DataFrame:
        """One row per answer_id: each component in units of its spread, and n_words in units of `WORDS_UNIT`.

        Parameters
        ----------
        answers : answer_id, text, n_words; any texts, read or not when the reader learned
        """
        table = answers.drop_duplicates("answer_id").set_index("answer_id")
        found = pd.DataFrame({"n_words": table["n_words"] / WORDS_UNIT})
        if self.components is None:
            return found
        parts = [self.components.transform(table["text"][at : at + BLOCK]) for at in range(0, len(table), BLOCK)]
        placed = np.concatenate(parts or [np.empty((0, len(self.spread)))]) / self.spread
        names = [f"component_{i + 1:02d}" for i in range(len(self.spread))]
        return found.join(pd.DataFrame(placed, index=table.index, columns=names))


def learn_texts(answers: pd.DataFrame, *, fitted_on: set[str], n_components: int, seed: int) -> TextReader:
    """A reader whose words and components are those of some answers; each component has standard deviation 1 there.

    Parameters
    ----------
    answers : answer_id, text; one row per answer
    fitted_on : answer_ids that are learned from
    n_components : at most; fewer where the texts have fewer words or are fewer. Without two texts the reader counts
        words and nothing else
    """
    table = answers.drop_duplicates("answer_id").set_index("answer_id")
    basis = table.loc[table.index.isin(fitted_on) & (table["text"] != ""), "text"].sort_index()
    if len(basis) < 2:
        return TextReader()
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(basis) > 20 else 1, sublinear_tf=True)
    counted = words.fit_transform(basis)
    n = min(n_components, counted.shape[1] - 1, len(basis) - 1)
    if n < 1:
        return TextReader()
    reduce = TruncatedSVD(n, random_state=seed % 2**32).fit(counted)
    spread = reduce.transform(counted).std(axis=0)
    return TextReader(make_pipeline(words, reduce), np.where(spread > 0, spread, 1))


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
