"""From chances to truths: by hand, by all outcomes, by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from persona_lib.measuring.summaries import kendall_w
from persona_lib.simulator import expected, expected_attempts


def test_calibration_tells_own_from_other_and_generic():
    own = {("m", "baseline"): [0.1, 0.1], ("m", "output_only"): [0.7, 0.9], ("m", "summary"): [0.5, 0.5]}
    found = expected_attempts.examined({key: np.array(x) for key, x in own.items()}, {"m": np.array([0.2, 0.4])})
    by_hand = {"own": 0.8, "other": 0.3, "generic": 0.1, "own-other": 0.5, "own-generic": 0.7}
    assert {group: found["calibration", group] for group in by_hand} == pytest.approx(by_hand)
    assert found["difference", "m|summary-baseline"] == found["difference", "all|summary-baseline"] == 0.4
    assert found["difference", "m|summary-output_only"] == pytest.approx(-0.3)


def test_pairs_by_hand():
    """Chance of the revision when it stands second, and first; another person dislikes it."""
    ab = {
        "own": np.array([0.6, 0.8]),
        "values": np.array([0.5, 1.0]),
        "swapped": np.array([0.2, 0.2]),
        "none": np.array([0.5, 0.5]),
    }
    ba = {
        "own": np.array([0.8, 1.0]),
        "values": np.array([0.5, 0.0]),
        "swapped": np.array([0.4, 0.4]),
        "none": np.array([0.5, 0.5]),
    }
    found = expected.held(ab, ba)
    by_hand = {("holds", "own"): 0.8, ("holds", "own_ab"): 0.7, ("holds", "own_ba"): 0.9, ("holds", "swapped"): 0.3}
    by_hand |= {
        ("persona_effect", "own-swapped"): 0.5,
        ("first_position", "own"): 0.6,
        ("first_position", "all"): (0.6 + 0.25 + 0.6 + 0.5) / 4,
        ("values_consistency", "own"): ((0.5 + 0.8) / 2 + (0.5 + 0.0) / 2) / 2,
    }
    by_hand |= {("order_consistency", "own"): (0.6 * 0.8 + 0.4 * 0.2 + 0.8) / 2}
    assert {key: found[key] for key in by_hand} == pytest.approx(by_hand)


def test_at_k_is_the_mean_over_all_choices_of_k():
    chances = np.random.default_rng(1).random((3, 5))
    for k in range(1, 6):
        picks = list(itertools.combinations(range(5), k))
        assert expected_attempts.at_k(chances, k) == pytest.approx(
            np.mean([1 - np.prod(1 - chances[:, p], axis=1) for p in picks])
        )


def test_kappa_with_a_majority_by_all_outcomes():
    """Oracle: the sixteen outcomes of a model and three raters in every cell, and the textbook formula."""
    chances, joint = np.random.default_rng(2).random((4, 6)), np.zeros((2, 2))
    for outcome in itertools.product((0, 1), repeat=4):
        weight = np.prod([x if o else 1 - x for x, o in zip(chances, outcome, strict=True)], axis=0).mean()
        joint[outcome[0], int(sum(outcome[1:]) >= 2)] += weight
    by_chance = joint.sum(axis=0) @ joint.sum(axis=1)
    found = expected.agreement(chances[0], expected.majority(chances[1:]), swapped=np.zeros(6, dtype=bool))
    assert found["raw_agreement"] == pytest.approx(np.trace(joint))
    assert found["kappa_content"] == found["kappa_position"]
    assert found["kappa_content"] == pytest.approx((np.trace(joint) - by_chance) / (1 - by_chance))


def test_position_and_content_part_where_orders_differ():
    """Both sides always take what stands first: one answer by position, either by content."""
    swapped = np.array([True, False, True, False])
    first = np.where(swapped, 0.9, 0.1)
    found = expected.agreement(first, first, swapped=swapped)
    assert found["kappa_position"] == pytest.approx(0) and found["kappa_content"] == pytest.approx(0.64)


def test_the_mean_of_kappas_over_two_questions_by_all_outcomes():
    """A kappa of two questions exists where both arms vary: 1 if they vary alike, -1 if not."""
    p, q = np.array([0.9, 0.2]), np.array([0.6, 0.5])  # chances of b on the two questions, without and with
    vary = {arm: (c[0] * (1 - c[1]), (1 - c[0]) * c[1]) for arm, c in (("p", p), ("q", q))}
    exact = {}
    for name, other in (("mean_kappa", "q"), ("mean_kappa_retest", "p")):
        alike = vary["p"][0] * vary[other][0] + vary["p"][1] * vary[other][1]
        unlike = vary["p"][0] * vary[other][1] + vary["p"][1] * vary[other][0]
        exact[name, "sex"] = (alike - unlike) / (alike + unlike)
    arms = (np.tile(chances, (4000, 1)) for chances in (p, q))
    found = expected.mean_arm_kappas("sex", *arms, np.random.default_rng(1))
    assert found == pytest.approx(exact, abs=0.01)
    constant = expected.mean_arm_kappas("sex", np.ones((3, 5)), np.ones((3, 5)), np.random.default_rng(1))
    assert np.isnan(list(constant.values())).all(), "nobody has a kappa"


def test_majorities_of_two_groups():
    """All of one group choose b, all of the other a; of ten others seven choose b with chance 0.7 each."""
    chances = np.repeat([[1.0], [0.0]], [7, 3], axis=0)
    inside = np.arange(10) < 7
    found = expected.majorities(chances, n_others=1001, groups={"g": inside, "rest": ~inside})
    assert found["majority_share", "all"] == pytest.approx(0.7) and found["representative", "all"] == pytest.approx(0.3)
    assert found["fits_majority", "g"] == pytest.approx(1) and found["group_difference", "rest"] == pytest.approx(-1)
    assert ("worst_group", "sex") not in found, "no group is a sex"
    named = {"sex|Female": inside, "sex|Male": ~inside}
    sexes = expected.majorities(chances, n_others=1001, groups=named)
    assert sexes["worst_group", "sex"] == pytest.approx(0) and sexes["group_gap", "sex"] == pytest.approx(1)
    items = expected.item_majorities(chances, ["i"], n_others=1001)
    assert items["minority_share", "i"] == pytest.approx(0.3) and items["majority_share", "i"] == pytest.approx(0.7)


def test_those_near_the_majority_pass_more():
    """Certain choices: eight with the majority, who pass with chance 0.6, and two against it, with chance 0.1."""
    chances = np.repeat([[1.0, 1.0], [0.0, 0.0]], [8, 2], axis=0)
    passed = {"m": np.repeat([0.6, 0.1], [8, 2])}
    found = expected.central(chances, passed, np.random.default_rng(1))
    assert found["central_claim", "m"] == found["central_claim", "all"] == pytest.approx(0.5)
    assert found["pass_rate", "far"] == pytest.approx(0.1) and found["likeness", "all"] == pytest.approx(0.8)
    assert found["central_slope", "all"] == pytest.approx(0.05)


def test_dropped_as_the_extractor_sees_it():
    found = expected_attempts.dropped(
        {"m": {"sex": 0.5, "race": 0.0}, "n": {"sex": 0.1, "race": 0.0}}, extractor_error=0.1
    )
    by_hand = {("drop_rate", "m|sex"): 0.5, ("drop_rate", "n|sex"): 0.18, ("drop_rate", "sex"): 0.34}
    by_hand |= {("n_dropped", "m"): 0.6, ("drop_rate", "all"): (0.5 + 0.1 + 0.18 + 0.1) / 4}
    assert {key: found[key] for key in by_hand} == pytest.approx(by_hand)


def test_repeated_by_hand():
    """Two items with two answers each: sure and never, and half and half."""
    chances = {("m", "baseline"): np.array([[1.0, 0.0], [0.5, 0.5]])}
    found = expected_attempts.repeated(chances, again=["baseline"])
    assert found["pass_at_k", "m|baseline|2"] == pytest.approx((1 + 0.75) / 2)
    assert found["reexamined", "m|baseline|2"] == pytest.approx((0.5 + 0.75) / 2)
    assert found["variety", "m|baseline|2"] == pytest.approx(0.25) and found["variety", "m|baseline|1"] == 0


def test_concordance_equals_the_measured_coefficient():
    """Oracle: certain chances, and the coefficient that the notebooks use, question by question."""
    chances = (np.random.default_rng(3).random((30, 3, 33)) < 0.4).astype(float)
    found = expected_attempts.concordance(chances, np.random.default_rng(1))
    assert found["kendall_w_question", "all"] == pytest.approx(np.mean([kendall_w(each) for each in chances]))
    assert expected_attempts.concordance(chances[:, :1], np.random.default_rng(1)) == {}


def test_parts_beside_the_whole_by_hand():
    whole, part = np.array([1.0, 0.0]), np.array([0.8, 0.4])
    found = expected.with_whole(whole, {"demographic": part, "idiosyncratic": whole})
    assert found["agreement_with_whole", "demographic"] == pytest.approx((0.8 + 0.6) / 2)
    assert found["lines_difference", "idiosyncratic-demographic"] == pytest.approx(0.3)
    assert found["kappa_with_whole", "retest"] == 1
