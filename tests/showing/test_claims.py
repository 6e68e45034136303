"""The register of claims and its verdicts, against hand-made rows and the rule as it is written down."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claim_rows import claim

from persona_lib.showing import claims
from persona_lib.tables import schema

ROOT = Path(__file__).parents[2]
REGISTER = ROOT / "data/reference/claims.csv"
SECTIONS = ["Introduction", "Population", "Prompts", "Preference pairs", "Leave one out", "Human study"]
SECTIONS += ["Model against model", "PERSONA Bench (section 5)", "Uses", "Official package", "Central claim"]
TOLD = {  # by kind, what the paper says beside its sizes and numbers
    "internally inconsistent": "order_of_check filter_cleans llama_mistral_above_gpt4 llama_most_and_least "
    "subtlety_significance chain_of_thought",
    "not testable offline": "gpt4_substantial raters_substantial gpt4_most_consistent baseline_no_size openai_worst "
    "llama_overtakes package_runs",
    "qualitative": "idiosyncratic_values stated_values pairs_independent no_attribute_dominates persona_steers "
    "models_agree dropped_same_question dropped_consistent use_testbed use_development use_reproducible "
    "use_personalisation use_elicitation central_claim representative_user",
    "quantitative": "critique_parts revision_shorter revision_names_nothing no_summary_equivalent baseline_rate",
    "reconstructed": "critique_words rows_drawn open_fields mode_words",
}


def test_unknown_table_is_named():
    with pytest.raises(claims.RegisterError, match="claim c: no table toy"):
        claims.compare(pd.DataFrame([claim()]), {"other": pd.DataFrame()}, None, simulated=False)


@pytest.fixture
def run():
    """Two personas with three pairs each, five prompts."""
    prompts = pd.DataFrame(
        [
            ("q1", "What is a good life?", "x", True, "train"),
            ("q2", "Is this one right too?", "y", True, "train"),
            ("q3", "Why not this one then?", "x", True, "heldout_prompt"),
            ("q4", "Short?", "x", True, "heldout_prompt"),
            ("q5", "No question", "", False, "none"),
        ],
        columns=["prompt_id", "text", "topic", "is_kept", "prompt_split"],
    )
    pairs = pd.DataFrame(
        [
            (p, q, s, split, "" if (p, q) == ("p1", "q1") else "baseline", "" if q == "q1" else "EVALUATION ...")
            for p, split in (("p1", "train"), ("p2", "heldout_persona"))
            for q, s in (("q1", "train"), ("q2", "train"), ("q2", "heldout_pair"))
        ],
        columns=["persona_id", "prompt_id", "pair_split", "persona_split", "rejected_answer_id", "critique"],
    )
    made = {"low": 0.0, "high": 1.0, "method": "hand"}
    rates = [
        ("pass_rate", "all|x", 90, 0),
        ("pass_rate", "large|x", 28, 2),
        ("flip_rate", "sex", 10, 0),
        ("pass_at_k", "large|x|16", 5, 0),
    ]
    statistics = pd.DataFrame([schema.statistic(s, g, 0.5, n=n, **made) | {"n_excluded": x} for s, g, n, x in rates])
    return prompts, pairs, statistics


class TestCounts:
    def count(self, prompts, pairs, statistics):
        found = claims.counts(prompts, pairs, benchmark=statistics, pass_at_k=statistics, influences=statistics)
        schema.check(found, "agreement")
        return found.set_index(["statistic", "group"])["estimate"]

    def test_against_a_hand_count(self, run):
        found = self.count(*run)
        sizes = {
            "personas": 2,
            "personas_train": 1,
            "personas_heldout": 1,
            "pairs": 6,
            "pairs_train": 4,
            "pairs_heldout": 2,
        }
        sizes |= {"prompts_bank": 5, "prompts_kept": 4, "prompts_train": 2, "prompts_heldout": 2, "attributes": 33}
        sizes |= {"pairs_per_persona": 3, "pairs_per_persona_train": 2, "pairs_per_persona_heldout_pair": 1}
        sizes |= {"benchmark_items": 30, "ablation_cells": 10, "attempts": 16}
        assert {name: found["count", name] for name in sizes} == sizes
        assert np.isnan(found["count", "pairs_per_persona_heldout_prompt"])
        assert found["share_by_rule", "prompts_kept"] == 0.75
        assert found["total_variation", "topics_train-heldout"] == 0.5

    def test_a_critique_that_was_asked_and_did_not_come_whole_is_counted(self, run):
        """Six pairs; one has no answer to criticise, of the other five one critique is empty."""
        assert self.count(*run)["share_by_rule", "critiques"] == 0.8

    def test_topics_that_follow_the_persona_are_seen(self, run):
        """Alike for both personas, then one topic each: V is 0, then 1."""
        prompts, pairs, statistics = run
        assert self.count(prompts, pairs, statistics)["association", "persona-topic"] == 0
        own = pairs.assign(prompt_id=pairs["persona_id"].map({"p1": "q1", "p2": "q2"}))
        assert self.count(prompts, own, statistics)["association", "persona-topic"] == pytest.approx(1)

    def test_unequal_personas_have_no_common_size(self, run):
        prompts, pairs, statistics = run
        assert np.isnan(self.count(prompts, pairs.iloc[1:], statistics)["count", "pairs_per_persona"])

    def test_people_are_counted_persona_by_persona_and_undefined_without_a_study(self, run):
        """Two personas, with two raters and one, who bear the same numbers."""
        people = pd.DataFrame(
            {"persona_shown_id": ["p1", "p1", "p1", "p2"], "rater_id": ["person.1"] * 2 + ["person.2", "person.1"]}
        )
        sizes = dict.fromkeys(("benchmark", "pass_at_k", "influences"), run[2])
        found = claims.counts(*run[:2], **sizes, people=people).set_index(["statistic", "group"])["estimate"]
        assert found["count", "people"] == 3 and np.isnan(self.count(*run)["count", "people"])

    def test_absent_statistics_are_nan_not_zero(self, run):
        found = self.count(run[0], run[1], run[2].iloc[:0])
        assert found["count"][["benchmark_items", "ablation_cells", "attempts"]].isna().all()


class TestRegister:
    def write(self, path, *rows):
        pd.DataFrame(rows).to_csv(path, index=False)
        return path

    def test_the_shipped_one_is_valid_and_large_enough(self):
        register = claims.read_register(REGISTER)
        assert (register["statistic"] != "count").sum() >= 60, "claims beside those on configured sizes"
        assert set(register["kind"]) == set(claims.KINDS)
        assert set(register["rule"]) == set(claims.RULES)
        tables = {"counts", *(name for name, t in schema.tables().items() if "estimate" in t.columns)}
        assert set(register["table"]) - {""} <= tables

    def test_it_goes_through_the_paper_section_by_section(self):
        sections = claims.read_register(REGISTER)["section"].str.split(",").str[0]
        assert sections.ne(sections.shift()).sum() == sections.nunique(), "a section stands in two places"
        assert sections.unique().tolist() == SECTIONS

    @pytest.mark.parametrize("kind", sorted(TOLD))
    def test_what_the_paper_is_known_to_say_is_there(self, kind):
        register = claims.read_register(REGISTER)
        names = register.loc[register["kind"] == kind, "claim_id"].str.split("_", n=1).str[1]
        assert set(TOLD[kind].split()) <= set(names)

    def test_every_claim_has_its_own_number_and_no_sentence_twice(self):
        register = claims.read_register(REGISTER)
        assert sorted(register["claim_id"].str[1:3].astype(int)) == list(range(1, len(register) + 1))
        assert not register["claim"].duplicated().any()

    def test_readings_are_those_of_the_paper(self):
        """Substantial begins above 0.6 on the scale of Landis and Koch; the baseline is an average over models."""
        by_id = claims.read_register(REGISTER).set_index("claim_id")
        assert by_id.loc["c32_models_agree", ["rule", "paper_low"]].tolist() == ["greater", 0.6]
        assert by_id.loc["c34_baseline_rate", "group"] == "all|baseline"
        assert "printed in full" in by_id.loc["c24_critique_words", "paper"]
        assert by_id.loc["c42_attempts_help", "group"] == "*|chain_of_thought|16"

    def test_every_count_it_asks_for_is_counted(self, run):
        register = claims.read_register(REGISTER)
        found = claims.counts(run[0], run[1], benchmark=run[2], pass_at_k=run[2], influences=run[2])
        asked = register.loc[register["table"] == "counts", ["statistic", "group"]].apply(tuple, axis=1)
        assert set(asked) <= set(found[["statistic", "group"]].apply(tuple, axis=1))

    def test_only_sizes_and_the_census_rest_on_no_answer(self):
        register = claims.read_register(REGISTER)
        free = register[register["rests_on"] == "configuration"]
        assert set(free["table"]) == {"counts", "fidelity"}
        assert set(free.loc[free["table"] == "counts", "rule"]) == {"exact"}

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"kind": "sure"}, "kind 'sure' is none of"),
            ({"rule": "about"}, "rule 'about' is none of"),
            ({"paper_low": ""}, "rule greater needs paper_low"),
            ({"rule": "within"}, "rule within needs paper_high"),
            ({"rule": "ordering"}, "rule ordering needs a group"),
            ({"rule": "none"}, "kind qualitative needs a rule for its statistic"),
            ({"table": ""}, "statistic and table go together"),
            ({"rests_on": "faith"}, "rests_on 'faith' is neither"),
            ({"rests_on": ""}, "rests_on '' is neither"),
            ({"claim": ""}, "claim is empty"),
            ({"paper_low": "much"}, "paper_low or paper_high is no number"),
        ],
    )
    def test_a_bad_row_is_named(self, tmp_path, changes, message):
        path = self.write(tmp_path / "claims.csv", claim(claim_id="fine"), claim(claim_id="bad", **changes))
        with pytest.raises(claims.RegisterError, match=re.escape(message)) as caught:
            claims.read_register(path)
        assert "line 3" in str(caught.value) or "no number" in message

    def test_missing_file_missing_column_and_repeated_claim(self, tmp_path):
        with pytest.raises(claims.RegisterError, match="no such file"):
            claims.read_register(tmp_path / "none.csv")
        with pytest.raises(claims.RegisterError, match="column note is missing"):
            claims.read_register(self.write(tmp_path / "a.csv", {k: v for k, v in claim().items() if k != "note"}))
        with pytest.raises(claims.RegisterError, match="claim c stands in two rows"):
            claims.read_register(self.write(tmp_path / "b.csv", claim(), claim()))

    def test_verdicts_are_those_of_the_schema(self):
        assert set(schema.tables()["claims"].columns["verdict"].values) == set(claims.VERDICTS)
        assert set(schema.tables()["claims"].columns["kind"].values) == set(claims.KINDS)


EXPECTED = ROOT / "data/expected/demo"


@pytest.mark.parametrize("name", sorted(set(claims.read_register(REGISTER)["table"]) - {"", "counts"}))
def test_statistics_that_claims_name_exist_in_the_expected_tables(name):
    path = EXPECTED / f"{name}.parquet"
    if not path.exists():
        pytest.skip("the demo run has not been refreshed yet")
    statistics = schema.read(path, name)
    if name == "people_agreement":
        assert statistics.empty, "nobody was asked in the demo run"
        return
    for row in claims.read_register(REGISTER).query("table == @name").itertuples():
        groups = statistics.loc[statistics["statistic"] == row.statistic, "group"]
        wanted = re.split("[,>]", row.group) if row.rule == "ordering" else [row.group]
        for pattern in wanted:
            there = any(fnmatchcase(group, pattern.strip()) for group in groups)
            assert there, f"{row.claim_id}: {name} has no {row.statistic} of {pattern}"


def test_claims_in_words_say_a_number_in_its_unit_or_nothing():
    rows = [
        {
            "statistic": "pass_rate",
            "estimate": 0.5,
            "low": 0.4,
            "high": 0.6,
            "n": 30,
            "n_to_decide": 90.0,
            "truth": 0.52,
        },
        {
            "statistic": "count",
            "estimate": 33.0,
            "low": np.nan,
            "high": np.nan,
            "n": 33,
            "n_to_decide": np.nan,
            "truth": np.nan,
        },
        {
            "statistic": "",
            "estimate": np.nan,
            "low": np.nan,
            "high": np.nan,
            "n": None,
            "n_to_decide": np.nan,
            "truth": np.nan,
        },
    ]
    table = pd.DataFrame(rows).assign(section="s", claim="c", paper="", verdict="v", group="all")
    shown = claims.claims_in_words(table)
    assert shown["ours"].tolist() == ["50 % (40 to 60)", "33", ""]
    assert shown["truth"].tolist() == ["52 %", "", ""] and shown["n"].tolist() == ["30", "33", ""]
    assert shown["decides at"].tolist() == ["90", "", ""]
