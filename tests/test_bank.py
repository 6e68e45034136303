"""The shipped prompt bank keeps to what its card promises, and the card says what was measured."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from simulated import REPO

sys.path.insert(0, str(REPO / "data" / "reference"))

import bank_card  # noqa: E402


@pytest.fixture(scope="module")
def found() -> dict:
    return bank_card.measures(*bank_card.read())


def test_the_bank_keeps_to_its_card(found):
    assert bank_card.broken(found) == [] and found["n"] == 8011 and found["issues"] == found["declared"] >= 600
    assert bank_card.card(found, bank_card.read()[0]) == (bank_card.PROMPTS / "CARD.md").read_text("utf-8")


def test_what_is_promised_can_be_broken(found):
    assert bank_card.broken(found | {"near_duplicates": 0.021, "survivors": 3999}) == [
        "near_duplicates is 0.021, promised 0 to 0.02",
        "survivors is 3999, promised 4000 to 4600",
    ]


def test_near_duplicates_and_skeletons_by_hand():
    """Of four prompts one repeats an earlier one but for a comma; runs of content words are one gap."""
    texts = pd.Series(["Is it right to lie?", "is it right, to lie", "Should cats vote?", "Hi"])
    assert bank_card.near_duplicates(texts) == 0.25
    assert bank_card.skeleton("Should big dogs be banned in our town?") == "should _ be _ in our _ ?"


def test_the_hand_count_is_of_the_rows_it_names():
    hand = pd.read_csv(bank_card.PROMPTS / "hand_count.csv")
    assert len(hand) == 200 and hand["row"].is_unique and hand["row"].between(1, 8011).all()
