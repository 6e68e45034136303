"""The prompt bank measured, and its card, data/prompts/CARD.md: every number in the card is computed here.

    python data/reference/bank_card.py

Exits with 1 and the measure's name where the bank does not keep to what the card promises.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from statsmodels.stats.proportion import proportion_confint

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from persona_lib.simulator.issues import declared_issues  # noqa: E402
from persona_lib.simulator.topics import classify  # noqa: E402
from persona_lib.simulator.world import load  # noqa: E402
from persona_lib.stages.prompts import read_topics, screen  # noqa: E402

PROMPTS = ROOT / "data" / "prompts"
N_SHOWN, SEED = 60, 20261126
SAME = 0.6  # Jaccard similarity of the character 5-grams above which two prompts count as near-duplicates
N_SKELETONS = 50
# Words that a skeleton keeps: articles, pronouns, prepositions, conjunctions, auxiliaries, question words.
KEPT = (
    "a an the this that these those i me my mine you your yours he him his she her hers it its we us our ours "
    "they them their theirs one and or but so if because while when than as of in on at to for from with "
    "without by about into over under between against before after not no nor do does did be am is are was "
    "were been being have has had can could will would shall should may might must who whom whose which what "
    "where why how there here very too just"
)
FUNCTION_WORDS = frozenset(KEPT.split())
# What the bank promises: lowest and highest value of each measure.
PROMISED = {
    "near_duplicates": (0, 0.02),
    "commonest_opening": (0, 0.01),
    "commonest_skeletons": (0, 0.10),
    "length_mean": (56, 76),
    "length_sd": (49, 69),
    "survivors": (4000, 4600),
    "unanswered": (0, 0),
}


def near_duplicates(texts: pd.Series) -> float:
    """Share of the prompts to which an earlier one is similar beyond `SAME`; case and punctuation do not count."""
    plain = texts.map(lambda text: " ".join(re.findall(r"\w+", text.lower())).ljust(5))
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, dtype=np.int32).fit_transform(plain)
    size, n_similar = np.asarray(grams.sum(axis=1)).ravel(), 0
    for start in range(0, len(plain), 500):
        shared = (grams[start : start + 500] @ grams.T).tocoo()
        rows = shared.row + start
        jaccard = shared.data / (size[rows] + size[shared.col] - shared.data)
        n_similar += len(np.unique(rows[(jaccard > SAME) & (shared.col < rows)]))
    return n_similar / len(texts)


def skeleton(text: str) -> str:
    """A prompt with every run of content words masked.

    Examples
    --------
    >>> skeleton("Should pit bulls be banned in towns?")
    'should _ be _ in _ ?'
    """
    kept = [w if w in FUNCTION_WORDS or w == "?" else "_" for w in re.findall(r"[\w'’]+|\?", text.lower())]
    return " ".join(word for i, word in enumerate(kept) if word != "_" or i == 0 or kept[i - 1] != "_")


def measures(bank: pd.DataFrame, topics: pd.DataFrame, hand: pd.DataFrame) -> dict:
    """Every number of the card.

    Parameters
    ----------
    bank : text, issue, in the order of the file
    topics : topic and conversations, as `stages.prompts.read_topics` gives them
    hand : row of the bank (from 1) and is_contested, as a person judged it, of a random sample
    """
    texts = bank["text"]
    openings = Counter(" ".join(text.lower().split()[:4]) for text in texts if len(text.split()) >= 4)
    skeletons = Counter(texts.map(skeleton))
    named = topics["topic"].tolist()
    error = load().parameters["classifier_error"]
    verdicts = pd.DataFrame([classify(text, named, error) for text in texts], columns=["is_controversial", "topic"])
    passes = screen(bank)["reason"].eq("")
    survives = passes & verdicts["is_controversial"]
    by_hand = passes.iloc[hand["row"] - 1].to_numpy() & hand["is_contested"].to_numpy()
    low, high = proportion_confint(int(by_hand.sum()), len(by_hand), method="wilson")
    shares = pd.DataFrame({"bank": verdicts["topic"].value_counts()})
    shares["kept"] = verdicts["topic"][survives].value_counts()
    shares["PRISM"] = topics.set_index("topic")["conversations"]
    return {
        "n": len(bank),
        "near_duplicates": near_duplicates(texts),
        "commonest_opening": openings.most_common(1)[0][1] / len(bank),
        "opening": openings.most_common(1)[0][0],
        "commonest_skeletons": sum(count for _, count in skeletons.most_common(N_SKELETONS)) / len(bank),
        "skeleton": skeletons.most_common(1)[0][0],
        "length_mean": texts.str.len().mean(),
        "length_sd": texts.str.len().std(),
        "length_min": texts.str.len().min(),
        "length_max": texts.str.len().max(),
        "reasons": screen(bank)["reason"].value_counts().drop("", errors="ignore").to_dict(),
        "passes": int(passes.sum()),
        "survivors": int(survives.sum()),
        "by_hand": (int(by_hand.sum()), len(by_hand), *(round(x * len(bank), -1) for x in (by_hand.mean(), low, high))),
        "issues": bank["issue"].replace("", pd.NA).nunique(),
        "declared": len(declared_issues()),
        "unanswered": int((bank["issue"].eq("") & survives).sum()),
        "shares": shares.fillna(0).astype(int).sort_values("PRISM", ascending=False),
    }


def broken(found: dict) -> list[str]:
    """What the bank does not keep to, in words."""
    return [
        f"{name} is {found[name]:.4g}, promised {low} to {high}"
        for name, (low, high) in PROMISED.items()
        if not low <= found[name] <= high
    ]


def card(found: dict, bank: pd.DataFrame) -> str:
    """The card as Markdown."""
    drawn = np.random.default_rng(SEED).choice(len(bank), min(N_SHOWN, len(bank)), replace=False)
    shown = [" ".join(bank["text"].iloc[i].split()).replace("|", "\\|") for i in sorted(drawn)]
    n_right, n, estimate, low, high = found["by_hand"]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in found["reasons"].items())
    lines = [
        "# The prompt bank, measured",
        "",
        f"Written by `data/reference/bank_card.py` from `bank.csv`: {found['n']:,} opening prompts.",
        "",
        "| measure | here | promised |",
        "|---|---|---|",
        f"| near-duplicates (Jaccard of character 5-grams above {SAME}) | {found['near_duplicates']:.2%} | under 2 % |",
        f"| commonest opening of four words (“{found['opening']}”) | {found['commonest_opening']:.2%} | at most 1 % |",
        f"| the {N_SKELETONS} commonest skeletons, content words masked (first: “{found['skeleton']}”) |"
        f" {found['commonest_skeletons']:.2%} | at most 10 % |",
        f"| length in characters: mean, standard deviation | {found['length_mean']:.0f}, {found['length_sd']:.0f} |"
        " near PRISM's 66, 59 |",
        f"| shortest, longest | {found['length_min']}, {found['length_max']:,} | PRISM: 2, 1,195 |",
        f"| pass the filters without a model (dropped: {reasons}) | {found['passes']:,} | |",
        f"| of these called controversial by the simulated classifier | {found['survivors']:,} | 4,000 to 4,600 |",
        f"| the same by hand, {n_right} of {n} random prompts, for the whole bank | {estimate:,.0f}"
        f" (95 % interval {low:,.0f} to {high:,.0f}) | 4,000 to 4,600 |",
        f"| issues with positions and reasons | {found['issues']:,} | at least 600 |",
        f"| prompts that survive and have no issue | {found['unanswered']:,} | 0 |",
        "",
        "## Topics, as the simulated classifier has them",
        "",
        "| topic | in the bank | of these controversial | conversations in PRISM |",
        "|---|---|---|---|",
        *(f"| {row.Index} | {row.bank:,} | {row.kept:,} | {row.PRISM:,} |" for row in found["shares"].itertuples()),
        "",
        f"## {len(shown)} random prompts",
        "",
        *(f"- {text}" for text in shown),
    ]
    return "\n".join(lines) + "\n"


def read() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The bank, the topics and the hand count."""
    bank = pd.read_csv(PROMPTS / "bank.csv", dtype=str, keep_default_na=False)
    return bank, read_topics(ROOT / "data/reference/prism_topics.csv"), pd.read_csv(PROMPTS / "hand_count.csv")


def main() -> None:
    bank, topics, hand = read()
    found = measures(bank, topics, hand)
    (PROMPTS / "CARD.md").write_text(card(found, bank), "utf-8")
    if faults := broken(found):
        sys.exit("bank_card: " + "; ".join(faults))


if __name__ == "__main__":
    main()
