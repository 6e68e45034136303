"""The row that decides a claim. Oracle: the rule as it is written down, on rows made by hand."""

import numpy as np
import pandas as pd
import pytest
from claim_rows import claim, table, verdict
from pool_rows import items_of, judged
from programs import ROOT

from persona_lib.measuring.people_raters import people_agreement
from persona_lib.showing import claims, verdicts
from persona_lib.tables import schema

CLAIM = {"statistic": "share", "group": "*", "rule": "greater", "paper_low": 0.5, "paper_high": np.nan}


def rows(*found):
    table = pd.DataFrame(found, columns=["group", "estimate", "low", "high"])
    return table.assign(statistic="share", n=10)


def decided(*found, rests_on="answers", known=None, **changes):
    return verdicts.decide(CLAIM | {"rests_on": rests_on} | changes, rows(*found), known or {})


def test_all_must_hold_and_one_may_differ():
    sure, open_, against = ("a", 0.8, 0.7, 0.9), ("b", 0.6, 0.4, 0.8), ("c", 0.3, 0.2, 0.4)
    assert decided(sure)["word"] == "holds" and decided(sure, open_)["word"] == "undecided"
    assert decided(sure, open_, against)["word"] == "differs" and decided(sure, open_, against)["group"] == "c"
    assert decided(sure, group="none") == {}


@pytest.mark.parametrize(("rests_on", "word"), [("answers", "no interval"), ("configuration", "holds")])
def test_a_number_without_an_interval_decides_only_where_it_is_a_fact(rests_on, word):
    assert decided(("a", 0.8, np.nan, np.nan), rests_on=rests_on)["word"] == word


def test_a_group_without_an_interval_keeps_the_others_from_holding():
    assert decided(("a", 0.8, 0.7, 0.9), ("b", 0.9, np.nan, np.nan))["word"] == "undecided"
    assert decided(("a", 0.3, 0.2, 0.4), ("b", 0.9, np.nan, np.nan))["word"] == "differs"


def test_with_a_truth_the_group_is_chosen_by_it_and_not_by_what_was_found():
    found = decided(("a", 0.6, 0.55, 0.7), ("b", 0.9, 0.8, 1.0), known={("share", "a"): 0.9, ("share", "b"): 0.6})
    assert found["group"] == "b"


def test_verdicts_on_noise_alone_are_rarely_wrong():
    """Oracle: a share at the bound itself: an interval on either side is wrong, in one of twenty."""
    rng, wrong = np.random.default_rng(1), 0
    for estimate in 0.5 + 0.1 * rng.standard_normal(400):
        wrong += decided(("a", estimate, estimate - 0.196, estimate + 0.196))["word"] in ("holds", "differs")
    assert wrong / 400 == pytest.approx(0.05, abs=0.03)


class TestRulesInALiveRun:
    @pytest.mark.parametrize(
        ("rule", "bounds", "interval", "expected"),
        [
            ("greater", (0.5, np.nan), (0.7, 0.6, 0.8), "holds"),
            ("greater", (0.5, np.nan), (0.2, 0.1, 0.3), "differs"),
            ("greater", (0.5, np.nan), (0.6, 0.4, 0.8), "undecided"),
            ("greater", (0.5, np.nan), (0.7, np.nan, np.nan), "no interval"),
            ("less", (np.nan, 0.5), (0.2, 0.1, 0.3), "holds"),
            ("less", (np.nan, 0.5), (0.7, 0.6, 0.8), "differs"),
            ("less", (np.nan, 0.5), (0.4, 0.3, 0.6), "undecided"),
            ("within", (0.6, 0.8), (0.7, 0.1, 0.9), "undecided"),
            ("within", (0.6, 0.8), (0.7, 0.62, 0.8), "holds"),
            ("within", (0.6, 0.8), (0.7, np.nan, np.nan), "no interval"),
            ("within", (0.6, 0.8), (0.5, 0.4, 0.7), "undecided"),
            ("within", (0.6, 0.8), (0.5, 0.4, 0.55), "differs"),
            ("within", (0.6, 0.8), (0.9, 0.85, 0.95), "differs"),
            ("exact", (40, 40), (40, np.nan, np.nan), "holds"),
            ("exact", (40, 40), (39, np.nan, np.nan), "differs"),
            ("exact", (40, 40), (41, np.nan, np.nan), "differs"),
            ("exact", (40, 40), (4, np.nan, np.nan), "not at this scale"),
        ],
    )
    def test_each_rule(self, rule, bounds, interval, expected):
        row = claim(rule=rule, paper_low=bounds[0], paper_high=bounds[1])
        assert verdict(row, table(("all", *interval))) == expected

    def test_a_star_lets_the_worst_group_decide(self):
        statistics = table(("large|x", 0.9, 0.8, 1), ("small|x", 0.4, 0.3, 0.45), ("small|y", 0, 0, 0))
        row = claims.compare(pd.DataFrame([claim(group="*|x")]), statistics, None, simulated=False).iloc[0]
        assert (row["group"], row["estimate"], row["verdict"]) == ("small|x", 0.4, "differs")

    def test_the_group_that_differs_decides_though_another_has_the_worse_estimate(self):
        statistics = table(("large", 0.3, 0.0, 0.7), ("small", 0.4, 0.35, 0.45))
        row = claims.compare(pd.DataFrame([claim(group="*")]), statistics, None, simulated=False).iloc[0]
        assert (row["group"], row["verdict"]) == ("small", "differs")

    def test_one_attribute_with_most_of_the_effect_is_never_called_no_dominance(self):
        """By hand: excesses of 0.7, 0.2 and 0.1 give dominances of 0.4, -0.6 and -0.8; the first lies above 0."""
        row = claim(rule="less", paper_low=np.nan, paper_high=0.0, group="*")
        one = table(("a", 0.4, 0.1, 0.7), ("b", -0.6, -0.9, -0.3), ("c", -0.8, -1.1, -0.5))
        assert verdict(row, one) == "differs"
        even = table(("a", -0.3, -0.5, -0.1), ("b", -0.3, -0.5, -0.1), ("c", -0.4, -0.6, -0.2))
        assert verdict(row, even) == "holds"

    def test_beside_undecided_stands_how_many_units_would_decide(self):
        """Half the width, 0.2, is twice the distance from the bound: four times as many units."""
        found = claims.compare(pd.DataFrame([claim()]), table(("all", 0.6, 0.4, 0.8)), None, simulated=False).iloc[0]
        assert (found["verdict"], found["n"]) == ("undecided", 10) and found["n_to_decide"] == pytest.approx(40, abs=1)
        sure = claims.compare(pd.DataFrame([claim()]), table(("all", 0.7, 0.6, 0.8)), None, simulated=False).iloc[0]
        assert np.isnan(sure["n_to_decide"])

    @pytest.mark.parametrize(
        ("needs", "answered", "expected"),
        [
            ("people", (), "not asked of people"),
            ("people", ("people",), "holds"),
            ("people; gpt-4*", ("people",), "not testable offline"),
            ("people; gpt-4*", ("gpt-4.1-2025",), "not asked of people"),
            ("gpt-4*", (), "not testable offline"),
            ("people; gpt-4*", ("people", "gpt-4.1-2025"), "holds"),
        ],
    )
    def test_a_live_run_with_people_or_the_named_model_moves_its_claims(self, needs, answered, expected):
        row, statistics = claim(kind="not testable offline", needs=needs), table(("all", 0.7, 0.6, 0.8))
        how = {"simulated": False, "answered": answered}
        assert claims.compare(pd.DataFrame([row]), statistics, None, **how)["verdict"].item() == expected
        simulated = claims.compare(pd.DataFrame([row]), statistics, None, **how | {"simulated": True})
        of_people = needs == "people" and "people" in answered
        assert simulated["verdict"].item() == ("no truth" if of_people else expected.replace("holds", row["kind"]))

    def test_every_group_holds_only_if_every_group_is_defined(self):
        undefined = ("small", np.nan, np.nan, np.nan)
        assert verdict(claim(group="*"), table(("large", 0.9, 0.8, 1), undefined)) == "undecided"
        assert verdict(claim(group="*"), table(("large", 0.2, 0.1, 0.3), undefined)) == "differs"

    @pytest.mark.parametrize(
        ("third", "expected"),
        [((0.2, 0.1, 0.3), "holds"), ((0.6, 0.5, 0.75), "undecided"), ((0.9, 0.85, 1), "differs")],
    )
    def test_ordering_compares_the_lowest_before_with_the_highest_after(self, third, expected):
        statistics = table(("a", 0.9, 0.8, 1), ("b", 0.7, 0.6, 0.8), ("c", *third), ("all", 1, 1, 1), ("m|a", 1, 1, 1))
        assert verdict(claim(rule="ordering", group="a, b > *"), statistics) == expected
        assert verdict(claim(rule="ordering", group="a, b > c"), statistics) == expected

    def test_missing_or_undefined_statistic_is_not_computed(self):
        assert verdict(claim(group="none"), table(("all", 0.7, 0.6, 0.8))) == "not computed"
        assert verdict(claim(), table(("all", np.nan, np.nan, np.nan))) == "not computed"
        assert verdict(claim(statistic="", table="", group="", rests_on=""), {}) == "not computed"
        assert (
            verdict(claim(rule="ordering", group="a, x > *"), table(("a", 0.9, 0.8, 1), ("b", 0, 0, 0)))
            == "not computed"
        )

    @pytest.mark.parametrize("kind", claims.FIXED)
    def test_fixed_kinds_keep_their_word_and_show_the_estimate(self, kind):
        statistics = table(("all", 0.7, 0.6, 0.8))
        found = claims.compare(pd.DataFrame([claim(kind=kind, rule="none")]), statistics, None, simulated=False)
        assert (found["verdict"].item(), found["estimate"].item()) == (kind, 0.7)


class TestASimulatedRun:
    def test_truth_in_or_out_of_the_interval(self):
        statistics = table(("all", 0.7, 0.6, 0.8))
        assert verdict(claim(), statistics, truth=0.6, simulated=True) == "recovered"
        assert verdict(claim(), statistics, truth=0.59, simulated=True) == "not recovered"

    def test_an_interval_that_allows_the_contrary_is_too_wide_to_have_recovered_anything(self):
        statistics = table(("all", 0.6, 0.4, 0.8))
        assert verdict(claim(), statistics, truth=0.6, simulated=True) == "too wide"

    def test_the_group_that_is_worst_by_its_truth_is_looked_at(self):
        statistics = table(("large", 0.6, 0.55, 0.7), ("small", 0.7, 0.6, 0.8))
        truth = pd.DataFrame({"statistic": "share", "group": ["large", "small"], "truth": [0.9, 0.65]})
        row = claims.compare(pd.DataFrame([claim(group="*")]), statistics, truth, simulated=True).iloc[0]
        assert (row["group"], row["verdict"]) == ("small", "recovered")

    def test_without_truth_or_interval_it_says_so(self):
        assert verdict(claim(), table(("all", 0.7, 0.6, 0.8)), simulated=True) == "no truth"
        assert verdict(claim(), table(("all", 0.7, 0.6, 0.8)), truth=np.nan, simulated=True) == "no truth"
        assert verdict(claim(), table(("all", 0.7, np.nan, np.nan)), truth=0.7, simulated=True) == "no truth"

    @pytest.mark.parametrize("rule", ["greater", "less", "within", "ordering"])
    @pytest.mark.parametrize("truth", [None, 0.1, 0.7])
    def test_is_never_compared_with_the_paper(self, rule, truth):
        row = claim(rule=rule, paper_high=0.8, group="all" if rule != "ordering" else "all > *")
        statistics = table(("all", 0.7, 0.6, 0.8), ("b", 0.1, 0.0, 0.2))
        assert verdict(row, statistics, truth=truth, simulated=True) not in ("holds", "differs", "undecided")

    def test_no_simulated_number_stands_beside_the_papers(self):
        rows = pd.DataFrame(
            [claim(claim_id="a"), claim(claim_id="b", group="none"), claim(claim_id="c", rests_on="configuration")]
        )
        found = claims.compare(rows, table(("all", 0.6, np.nan, np.nan)), None, simulated=True)
        assert found["paper"].tolist() == ["", "large", "large"]
        assert found["verdict"].tolist() == ["no truth", "not computed", "holds"]

    def test_a_live_run_ignores_a_truth(self):
        statistics = table(("all", 0.7, 0.6, 0.8))
        assert verdict(claim(), statistics, truth=0.1, simulated=False) == "holds"


ABOUT_PEOPLE = ["c29_best_model_kappa", "c69_own_persona_agrees", "c70_raters_substantial"]


def choices(kind):
    rng, items = np.random.default_rng(1), items_of(12)
    truth = rng.integers(0, 2, (15, 12))
    names = ["large", *[f"rater.{i}" for i in range(4)]]
    grids = {name: np.where(rng.random(truth.shape) < 0.05, 1 - truth, truth) for name in names}
    table = judged(grids, items)
    kinds = table["rater_kind"].mask(table["role"] == "rater", kind).mask(table["role"] == "panel", "model")
    return table.assign(rater_kind=kinds), items


def test_the_claims_about_people_get_their_verdicts_from_a_study_and_say_so_without_one():
    """Four people who agree with the model but for one choice in twenty."""
    table, items = choices("person")
    people = table[table["role"] == "rater"]
    register = claims.read_register(ROOT / "data/reference/claims.csv")
    register = register[register["needs"].str.contains("people") & register["table"].eq("people_agreement")]
    assert set(register["claim_id"]) == {*ABOUT_PEOPLE, "c30_human_baseline"}
    for asked in (people, None):
        found = {"people_agreement": people_agreement(table, asked, items, min_shared=8)}
        answered = claims.who_answered({"gpt-4.1-2025-04-14"}, asked)
        of = claims.compare(register, found, None, simulated=False, answered=answered).set_index("claim_id")["verdict"]
        if asked is None:
            assert set(of) == {"not asked of people"} and found["people_agreement"].empty
        else:
            assert of["c69_own_persona_agrees"] == of["c70_raters_substantial"] == of["c30_human_baseline"] == "holds"
            assert of["c29_best_model_kappa"] in ("holds", "differs", "undecided")


@pytest.mark.parametrize("kind", ["model", "simulated"])
def test_raters_who_are_no_people_are_no_study(kind):
    table, items = choices(kind)
    raters = table[table["role"] == "rater"]
    assert claims.who_answered(set(), raters) == set()
    with pytest.raises(schema.SchemaError, match=f"rater kind {kind} is no person"):
        people_agreement(table, raters, items, min_shared=8)


def test_one_rater_who_is_a_model_among_people_moves_nothing():
    people = choices("person")[0].query("role == 'rater'")
    mixed = people.assign(rater_kind=people["rater_kind"].mask(people["rater_id"] == "rater.2", "model"))
    assert claims.who_answered(set(), people) == {"people"} and claims.who_answered(set(), mixed) == set()
    assert claims.who_answered(set(), people.assign(status="refused")) == claims.who_answered(set(), None) == set()
