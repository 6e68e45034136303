"""How far a judge can be trusted. Oracles: hand counts, every order of equal certainties, a judge made to a recipe."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from persona_lib.measuring import judges
from persona_lib.tables import schema

PAIRS = [(f"p{i:02d}", f"q{i % 7:02d}") for i in range(40)]


@pytest.fixture
def pairs():
    table = pd.DataFrame(PAIRS, columns=["persona_id", "prompt_id"])
    table["pair_id"] = table["persona_id"] + "." + table["prompt_id"]
    ids = {"chosen_answer_id": "b." + table["pair_id"], "rejected_answer_id": "a." + table["pair_id"]}
    return table.assign(**ids, status="ok")


@pytest.fixture
def answers(pairs):
    old = pd.DataFrame({"answer_id": pairs["rejected_answer_id"], "n_words": 100})
    new = pd.DataFrame({"answer_id": pairs["chosen_answer_id"], "n_words": 100 - np.arange(40) % 5 * 10 + 20})
    return pd.concat([old, new], ignore_index=True).assign(status="ok", fault="")


def judged(pairs, rule):
    """Judgements by `rule(number of the pair, shown, swapped, repeat)`: does the order hold? None for a refusal."""
    rows = []
    asked = [(shown, swapped, 0) for shown in ("own", "none") for swapped in (False, True)] + [("own", False, 1)]
    for number, pair in enumerate(pairs.itertuples()):
        for shown, swapped, repeat in asked:
            holds = rule(number, shown, swapped, repeat)
            chosen = "" if holds is None else pair.chosen_answer_id if holds else pair.rejected_answer_id
            position = "" if holds is None else "A" if holds == swapped else "B"
            rows.append(
                {"item_id": pair.pair_id, "persona_shown_id": pair.persona_id if shown == "own" else "",
                 "lines_shown": "all" if shown == "own" else "none", "swapped": swapped, "repeat": repeat,
                 "chosen_answer_id": chosen, "chosen_position": position, "status": "ok" if chosen else "refused"}
            )  # fmt: skip
    return pd.DataFrame(rows)


def certainties(pairs, said, wrong):
    chosen = pairs["chosen_answer_id"].mask(wrong, pairs["rejected_answer_id"])
    table = pd.DataFrame({"item_id": pairs["pair_id"], "rater_id": "j", "swapped": False, "chosen_answer_id": chosen})
    return table.assign(chosen_position="A", certainty=said, status="ok", request_hash="h")


def contests(rule, *, writers=("m1", "m2", "m3"), n_items=8):
    """Every two writers before every writer on each item; `rule(judge, one, two)` names the winner, '' a refusal."""
    rows = []
    for item in range(n_items):
        for one, two in [(a, b) for i, a in enumerate(writers) for b in writers[i + 1 :]]:
            for judge in writers:
                winner = rule(judge, one, two)
                rows.append(
                    {"item_id": f"x{item}", "persona_id": f"p{item}", "prompt_id": f"q{item}", "writer_a": one,
                     "writer_b": two, "judge": judge, "swapped": bool(item % 2), "n_words_a": 5, "n_words_b": 5,
                     "chosen_writer": winner, "chosen_position": "A" if winner else "",
                     "status": "ok" if winner else "refused", "request_hash": "h"}
                )  # fmt: skip
    return pd.DataFrame(rows)


NO_CONTEST = contests(lambda judge, one, two: one, n_items=0).reindex(columns=schema.tables()["contests"].columns)


def statistics(pairs, answers, rule, said=0.75, wrong=False, met=NO_CONTEST):
    table = certainties(pairs, said, np.broadcast_to(wrong, len(pairs)))
    found = judges.judge_statistics(judged(pairs, rule), pairs, answers, table, met)
    return schema.check(found, "validation").set_index(["statistic", "group"])


def test_a_judge_of_positions_is_unfair_and_repeats_itself(pairs, answers):
    one = statistics(pairs, answers, lambda number, shown, swapped, repeat: swapped)
    assert one.loc[("preference_fairness", "own"), "estimate"] == -1, "always the first"
    assert one.loc[("repetition_stability", "own"), ["estimate", "n"]].tolist() == [1, 40]
    two = statistics(pairs, answers, lambda number, shown, swapped, repeat: not swapped)
    assert two.loc[("preference_fairness", "none"), "estimate"] == 1, "always the second"


def test_fairness_is_that_of_its_authors(pairs, answers):
    """Oracle: the authors' formula. Of 40 pairs the first position wins 12 in both orders, the second 4."""

    def rule(number, shown, swapped, repeat):
        return swapped if number < 12 else not swapped if number < 16 else True

    primacy, recency, n = 12, 4, 40
    raw = recency * recency / (primacy + recency) - primacy * primacy / (primacy + recency)
    rescaled = (raw + n) / (2 * n) * 2 - 1
    found = statistics(pairs, answers, rule)
    assert found.loc[("preference_fairness", "own"), "estimate"] == pytest.approx(rescaled)
    refused = statistics(pairs, answers, lambda *key: None if key[0] < 10 else rule(*key))
    assert refused.loc[("preference_fairness", "own"), ["n", "n_excluded"]].tolist() == [30, 10]


def test_a_judge_who_says_the_contrary_when_asked_again(pairs, answers):
    def rule(number, shown, swapped, repeat):
        return None if number == 0 and repeat else (repeat == 0) or number < 10

    row = statistics(pairs, answers, rule).loc[("repetition_stability", "own")]
    assert row["estimate"] == pytest.approx(9 / 39) and (row["n"], row["n_excluded"]) == (39, 1)


def test_the_rate_at_equal_lengths(pairs, answers):
    """A judge who only minds length keeps half of the orders at equal lengths, whatever the share it keeps."""
    rng = np.random.default_rng(1)
    longer = 20 - np.arange(40) % 5 * 10
    chance = expit(-np.tanh(longer / longer.std()))
    many = pd.concat([pairs.assign(pair_id=pairs["pair_id"] + f".{i}") for i in range(60)], ignore_index=True)
    table = pd.DataFrame({"pair_id": many["pair_id"], "persona_id": many["persona_id"]})
    table = table.assign(prompt_id=many["prompt_id"], holds=(rng.random(2400) < np.tile(chance, 60)).astype(float))
    lengths = judges.with_lengths(table, many, answers)
    assert lengths["length"].iloc[:40].to_numpy() == pytest.approx(np.tanh(longer / longer.std()))
    found = judges.length_controlled(lengths)
    assert found.low < 0.5 < found.high and found.high - found.low < 0.12
    same = judges.with_lengths(table, many, answers.assign(n_words=100))
    assert np.isnan(judges.length_controlled(same).estimate), "no length, no length term"


def brute_area(said, wrong):
    """The mean over all orders that go from the most certain down."""
    orders = [
        o for o in permutations(range(len(said))) if all(said[a] >= said[b] for a, b in zip(o, o[1:], strict=False))
    ]
    risks = [np.mean([np.mean([wrong[i] for i in order[: n + 1]]) for n in range(len(said))]) for order in orders]
    return np.mean(risks)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [([0.9, 0.8, 0.7], [0, 1, 1]), ([0.9, 0.9, 0.7, 0.7, 0.6], [0, 1, 1, 0, 1]), ([0.5] * 6, [1, 0, 0, 1, 0, 0])],
)
def test_the_area_is_the_mean_over_all_orders_of_equal_certainties(said, wrong):
    found = judges.area_under_risk(
        pd.DataFrame({"certainty": said, "is_wrong": wrong, "persona_id": range(len(said)), "prompt_id": 0}).astype(
            {"is_wrong": float}
        )
    )
    assert found.estimate == pytest.approx(brute_area(said, wrong))


def test_abstention(pairs, answers):
    """Of 40 choices the 10 least certain hold all 4 errors."""
    number = np.arange(40)
    said, wrong = np.where(number < 10, 0.55, 0.95), number < 4
    one = statistics(pairs, answers, lambda *key: True, said, wrong)
    assert one.loc[("risk", "all"), "estimate"] == 0.1
    assert one.loc[("coverage", "0.75"), "estimate"] == 0.75 and one.loc[("risk", "0.75"), "estimate"] == 0
    assert one.loc[("overconfidence", "own"), "estimate"] == pytest.approx((10 * 0.55 + 30 * 0.95) / 40 - 0.9)
    assert one.loc[("aurc", "own"), "low"] < one.loc[("aurc", "own"), "estimate"] < 0.05


def test_a_certainty_that_says_nothing_leaves_the_risk_as_it_is(pairs, answers):
    one = statistics(pairs, answers, lambda *key: True, 0.75, np.arange(40) < 8)
    assert one.loc[("aurc", "own"), "estimate"] == pytest.approx(0.2)
    assert one.loc[("coverage", "0.9"), "estimate"] == 0 and np.isnan(one.loc[("risk", "0.9"), "estimate"])


def test_models_that_prefer_their_own_words(pairs, answers):
    """Each prefers itself, a neutral judge the first of two by name. By hand: m1 1 - 1, m2 1 - 1/2, m3 1 - 0."""

    def rule(judge, one, two):
        return judge if judge in (one, two) else one

    one = statistics(pairs, answers, lambda *key: True, met=contests(rule))
    own = one.loc["self_preference_gap", "estimate"]
    assert own.to_dict() == pytest.approx({"m1": 0, "m2": 0.5, "m3": 1, "all": 0.5})
    rates = one.loc["writer_wins", "estimate"]
    assert rates["m1|m1"] == rates["m3|m3"] == 1 and rates["m1|m2"] == 0.5 and rates["m2|m3"] == 0
    fair = statistics(pairs, answers, lambda *key: True, met=contests(lambda judge, one, two: one))
    assert (fair.loc["self_preference_gap", "estimate"] == 0).all()


def test_two_models_have_no_neutral_judge(pairs, answers):
    met = contests(lambda judge, one, two: judge, writers=("m1", "m2"))
    row = statistics(pairs, answers, lambda *key: True, met=met).loc[("self_preference_gap", "all")]
    assert np.isnan(row["estimate"]) and row["n_excluded"] == 16


@pytest.mark.parametrize("met", [NO_CONTEST, contests(lambda judge, one, two: "")])
def test_where_nobody_answered_nothing_is_said(pairs, answers, met):
    table = certainties(pairs, np.nan, np.ones(40, dtype=bool)).assign(status="refused")
    silent = judged(pairs, lambda *key: None)
    found = judges.judge_statistics(silent, pairs, answers, table, met)
    assert schema.check(found, "validation")["estimate"].isna().all()
    empty = judges.judge_statistics(silent.iloc[:0], pairs.iloc[:0], answers.iloc[:0], table.iloc[:0], met.iloc[:0])
    assert empty["estimate"].isna().all() and (empty["n"] == 0).all()
