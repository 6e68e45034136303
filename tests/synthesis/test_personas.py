"""Candidates become personas. Oracles: hand-made people, hand counts, identities (census value in and out)."""

import numpy as np
import pandas as pd
import pytest
import yaml
from small_personas import REFERENCE, Asked, candidates, census, complete, draws, inputs, run

from persona_lib.cost.plan import planned_calls
from persona_lib.stages.personas import check_consistency, write_fields
from persona_lib.synthesis import personas
from persona_lib.tables import schema, streams
from persona_lib.tables.schema import SchemaError


def test_complete_keeps_census_values_and_is_a_prefix_of_more_draws():
    few, many = candidates(10), candidates(40)
    pd.testing.assert_frame_equal(few, many.iloc[:10])
    record = census().set_index("person_id").loc[few["person_id"], personas.observed_fields()]
    pd.testing.assert_frame_equal(few[personas.observed_fields()], record.reset_index(drop=True))
    assert few["defining_quirks"].str.count("; ").eq(1).all() and few["core_values"].str.count("; ").eq(2).all()


def test_a_draw_of_nobody_is_refused():
    lost = draws(2).assign(person_id=["2018-0000-01", "2018-9999-01"])
    with pytest.raises(SchemaError, match="2018-9999-01 is not in the census"):
        complete(lost, census())


def test_a_missing_list_is_named():
    with pytest.raises(SchemaError, match="mannerisms is missing"):
        complete(draws(2), census(), lists={k: v for k, v in inputs().lists.items() if k != "mannerisms"})


def test_personas_are_the_first_consistent_draws_and_observed_fields_are_the_census():
    made, table, provenance = run()
    schema.check(made, "personas"), schema.check(table, "candidates"), schema.check(provenance, "provenance")
    consistent = table.loc[table["is_consistent"], "draw"].head(10).tolist()
    assert made["draw"].tolist() == consistent and made["persona_id"].tolist() == [f"p{k:04d}" for k in range(1, 11)]
    assert (made["persona_split"] == "train").sum() == 6
    assert personas.check_observed(made, census()) is made
    assert set(table["stage"]) <= {"accepted", "rule", "surplus"}
    assert (table["stage"] == "accepted").sum() == 10


def test_personas_of_one_census_record_stay_on_one_side():
    """Drawn with replacement, a record may become two personas; one of them must not be held out from the other."""
    n, parted = 60, 0
    for seed in range(30):
        person = pd.Series([f"2018-{k:04d}-01" for k in np.random.default_rng(seed).integers(0, 45, n)])
        sides = personas.split(person, n_train=40, seed=seed)
        assert (sides == "train").sum() == 40 and (sides == "heldout_persona").sum() == 20
        assert not set(person[sides == "train"]) & set(person[sides == "heldout_persona"])
        persona = streams.generator(seed, "personas.persona_split").permutation(n) < 40
        parted += bool(set(person[persona]) & set(person[~persona]))
    assert parted > 25, "a split of personas, not of records, would part some"


def test_a_split_of_distinct_records_is_the_random_order_of_personas():
    sides = personas.split(pd.Series([f"r{k}" for k in range(50)]), n_train=31, seed=7)
    order = streams.generator(7, "personas.persona_split").permutation(50)
    assert (sides == "train").tolist() == (order < 31).tolist()


def test_twins_reach_the_table_together_and_an_odd_split_of_pairs_is_refused():
    twice = pd.DataFrame({"draw": range(40), "person_id": [f"2018-{k // 2:04d}-01" for k in range(40)]})
    written = write_fields(personas.apply_rules(complete(twice, census())), ask=None)
    verdicts = check_consistency(written, ask=None)
    made, _, _ = personas.accept(written, verdicts, n=20, n_train=12, seed=1)
    assert made["person_id"].duplicated().sum() > 3 and (made["persona_split"] == "train").sum() == 12
    assert made.groupby("person_id")["persona_split"].nunique().eq(1).all()
    pairs = pd.Series(["a", "a", "b", "b", "c", "c"])
    with pytest.raises(ValueError, match=r"3 personas cannot be train .*change personas\.n_train"):
        personas.split(pairs, n_train=3, seed=1)


def test_a_changed_census_value_is_named():
    made, _, _ = run()
    made.loc[3, "marital_status"] = "Divorced"
    with pytest.raises(SchemaError, match=r"p0004\.marital_status is 'Divorced', but the census says 'Married'"):
        personas.check_observed(made, census())
    with pytest.raises(SchemaError, match="not in the census"):
        personas.check_observed(made.assign(person_id="2018-x"), census())


def test_too_few_say_what_to_raise():
    def answer(template, text):
        return {"status": "refused"} if "\nSex: Male" in text else {}

    message = r"of 12 draws are consistent, but personas\.n is 12 .*verdict [1-6]\); raise population\.n_draws"
    with pytest.raises(ValueError, match=message):
        run(answer=answer, n_draws=12, n=12)
    with pytest.raises(ValueError, match=r"a verdict 12\); set other models as .*personas\.model_stage: false"):
        run(answer=lambda template, text: {"status": "unparsed"}, n_draws=12, n=12)
    with pytest.raises(ValueError, match="n_train = 11 must be between"):
        run(n=10, n_train=11)


def test_nobody_passes_the_rules():
    mine = candidates(5).assign(rule_id="needs_work", reason="x")
    ask = Asked()
    verdicts = check_consistency(write_fields(mine, ask=ask), ask=ask)
    assert ask.seen == [] and verdicts.empty
    with pytest.raises(ValueError, match="0 of 5 draws"):
        personas.accept(write_fields(mine, ask=ask), verdicts, n=1, n_train=0, seed=1)


def test_provenance_covers_every_field_of_every_persona():
    made, _, provenance = run()
    fields = [
        c for c in schema.tables()["personas"].columns if c not in ("persona_id", "draw", "person_id", "persona_split")
    ]
    assert len(provenance) == len(made) * len(fields)
    for _, rows in provenance.groupby("persona_id"):
        assert sorted(rows["field"]) == sorted(fields)
    origin = provenance.drop_duplicates("field").set_index("field")["origin"]
    declared = schema.attributes().set_index("attribute")["origin"]
    assert origin[declared.index].to_dict() == declared.to_dict()
    scored = provenance[provenance["field"].isin(["religion", "ideology", "political_views"])]
    assert scored["score"].between(0, 1, inclusive="neither").all()
    assert provenance.loc[~provenance.index.isin(scored.index), "score"].isna().all()
    assert (provenance["source"] != "").all()


def test_derived_household_fields_are_marked():
    people = census().assign(household_derived="family_presence+household_language")
    mine = personas.apply_rules(complete(draws(), people))
    ask = Asked()
    written = write_fields(mine, ask=ask)
    verdicts = check_consistency(written, ask=ask)
    _, _, provenance = personas.accept(written, verdicts, n=5, n_train=2, seed=1)
    derived = set(provenance.loc[provenance["origin"] == "derived", "field"])
    assert derived == {"household_language", "family_presence", "description"}, "the household type was read"


def test_provenance_of_an_unknown_value_says_that_the_file_does_not_say():
    people = census().assign(ancestry="unknown", income_usd=np.nan)
    mine = personas.apply_rules(complete(draws(), people, big_five="uniform"))
    written = write_fields(mine, ask=None)
    verdicts = check_consistency(written, ask=None)
    made, _, provenance = personas.accept(written, verdicts, n=5, n_train=2, seed=1)
    source = provenance.drop_duplicates("field").set_index("field")["source"]
    assert source["ancestry"] == source["income_usd"] == "record of 2018 in the census file: the file does not say"
    assert source["sex"] == "record of 2018 in the census file: SEX"
    assert source["openness"].startswith("drawn: independent")
    assert "Income: Unknown" in made["description"].iloc[0]


def test_without_the_model_stage_the_rules_alone_decide():
    made, table, provenance = run(asked=False)
    schema.check(made, "personas"), schema.check(table, "candidates"), schema.check(provenance, "provenance")
    passed = candidates().query("rule_id == ''")
    assert made["draw"].tolist() == passed["draw"].head(10).tolist()
    assert set(table["stage"]) == {"accepted", "rule", "surplus"} and not (table["rule_id"] == "no_verdict").any()
    pastimes = passed.set_index("draw").loc[made["draw"], "pastimes"].str.split("; ")
    expected = [f"Likes to {first} and to {second}." for first, second in pastimes]
    assert made["personal_time"].tolist() == expected
    mine = provenance[provenance["field"] == "personal_time"]
    assert set(mine["origin"]) == {"listed"} and mine["source"].str.startswith("list of personal_time").all()


def test_without_the_model_stage_no_call_is_planned():
    demo = yaml.safe_load((REFERENCE.parents[1] / "config" / "demo.yaml").read_text("utf-8"))
    counts = []
    for asked in (True, False):
        demo["personas"]["model_stage"] = asked
        plan = planned_calls(demo)
        counts.append(int(plan.loc[plan["stage"] == "personas", "calls_high"].sum()))
    assert counts == [2 * demo["population"]["n_draws"], 0]
