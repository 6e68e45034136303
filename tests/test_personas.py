"""Oracles: hand-made people, hand counts, identities (census value in, census value out), statsmodels' Wilson."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from persona_lib import codebook, personas, rules, schema, selection, streams
from persona_lib.schema import NOT_IN_UNIVERSE, UNKNOWN, SchemaError

REFERENCE = Path(__file__).parents[1] / "data" / "reference"
ADA = {
    "survey_year": 2018,
    "state": "Vermont",
    "weight_persons": 80,
    "is_group_quarters": False,
    "relationship": "Reference person",
    "hispanic_origin": "Not Hispanic or Latino",
    "nativity": "Native",
    "age_years": 43,
    "sex": "Female",
    "race": "White",
    "ancestry": "Irish",
    "household_language": "English only",
    "education": "Bachelor's degree",
    "employment_status": "Civilian employed, at work",
    "class_of_worker": "State government employee",
    "industry": "Education",
    "occupation": "Education and libraries",
    "job_description": "Librarians and media collections specialists; industry: Libraries and archives",
    "income_usd": 43_201.4,
    "marital_status": "Married",
    "household_type": "Married-couple household",
    "family_presence": "No own children under 18",
    "place_of_birth": "Vermont",
    "citizenship": "Born in the United States",
    "veteran_status": "Never served in the military",
    "disability": "Without a disability",
    "health_insurance": "With health insurance coverage",
    "cognitive_difficulty": "No",
    "english_ability": NOT_IN_UNIVERSE,
    "vision_difficulty": "No",
    "fertility": "No",
    "hearing_difficulty": "No",
    "is_household_derived": False,
}
IMPUTED = {"religion": "Catholic", "extraversion": 0.0, "conscientiousness": 0.0, "needs": ""}


def census(n=40):
    """A small checked census: women and men of five ages, all else as ADA."""
    rows = [
        ADA
        | {"person_id": f"2018-{k:04d}-01", "household_id": f"2018-{k:04d}", "sex": ["Female", "Male"][k % 2]}
        | {"age_years": [19, 33, 48, 66, 80][k % 5], "fertility": NOT_IN_UNIVERSE}
        for k in range(n)
    ]
    return schema.check(pd.DataFrame(rows), "census")


def draws(n=40, n_people=40):
    return pd.DataFrame({"draw": range(n), "person_id": [f"2018-{k % n_people:04d}-01" for k in range(n)]})


def reference(name):
    return pd.read_csv(REFERENCE / f"{name}.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def inputs():
    names = {"quirks": "quirks", "mannerisms": "mannerisms", "lifestyles": "lifestyle", "core_values": "core_values"}
    lists = {name: reference(f"traits_{file}") for name, file in names.items()}
    return SimpleNamespace(chain=reference("chain_coefficients"), norms=reference("big_five_norms"), lists=lists)


def candidates(inputs, n=40, seed=1):
    found = personas.complete(draws(n), census(), inputs.chain, inputs.norms, inputs.lists, seed=seed)
    return personas.apply_rules(found)


class Asked:
    """A fake `ask`: answers by a function of (template, persona text), remembers what it was asked."""

    roles = {"writer": "large", "filter": "medium"}
    simulated = True

    def __init__(self, answer=None):
        self.answer = answer or (lambda template, text: {"status": "ok"})
        self.seen = []

    def __call__(self, requests):
        self.seen.append(requests)
        rows = []
        for row in requests.itertuples():
            text = row.slots["persona"]
            data = {"personal_time": "Walks by the river."}
            if row.template == "check_consistency":
                data = {"is_consistent": True, "reason": "None do."}
            reply = {"text": "", "data": data, "status": "ok", "detail": "", "request_hash": f"{abs(hash(text)):x}"}
            reply |= self.answer(row.template, text)
            if reply["status"] != "ok":
                reply["data"] = None
            rows.append(reply)
        return pd.DataFrame(rows, index=requests.index).assign(tokens_in=1, tokens_out=1)


def run(inputs, *, answer=None, n=10, n_train=6, n_draws=40, seed=1):
    ask = Asked(answer)
    written = personas.write_fields(candidates(inputs, n_draws, seed=seed), ask=ask)
    verdicts = personas.check_consistency(written, ask=ask)
    return personas.accept(written, verdicts, n=n, n_train=n_train, seed=seed)


# ------------------------------------------------------------------ completing


def test_complete_keeps_census_values_and_is_a_prefix_of_more_draws(inputs):
    few, many = candidates(inputs, 10), candidates(inputs, 40)
    pd.testing.assert_frame_equal(few, many.iloc[:10])
    record = census().set_index("person_id").loc[few["person_id"], personas.observed_fields()]
    pd.testing.assert_frame_equal(few[personas.observed_fields()], record.reset_index(drop=True))
    assert few["defining_quirks"].str.count("; ").eq(1).all() and few["core_values"].str.count("; ").eq(2).all()


def test_a_draw_of_nobody_is_refused(inputs):
    lost = draws(2).assign(person_id=["2018-0000-01", "2018-9999-01"])
    with pytest.raises(SchemaError, match="2018-9999-01 is not in the census"):
        personas.complete(lost, census(), inputs.chain, inputs.norms, inputs.lists, seed=1)


def test_a_missing_list_is_named(inputs):
    with pytest.raises(SchemaError, match="mannerisms is missing"):
        lists = {k: v for k, v in inputs.lists.items() if k != "mannerisms"}
        personas.complete(draws(2), census(), inputs.chain, inputs.norms, lists, seed=1)


# ------------------------------------------------------------------ rules

BROKEN = {
    "veteran_child": {"age_years": 16, "veteran_status": "Now on active duty", "education": "Grade 10"},
    "married_child": {"age_years": 14, "marital_status": "Widowed"},
    "early_degree": {"age_years": 16, "education": "Master's degree"},
    "early_doctorate": {"age_years": 19, "education": "Doctorate degree"},
    "working_child": {"age_years": 15, "education": "Grade 8"},
    "child_income": {"age_years": 14, "marital_status": NOT_IN_UNIVERSE},
    "soldier_never_served": {"employment_status": "Armed forces, at work"},
    "active_duty_idle": {"veteran_status": "Now on active duty", "employment_status": "Not in labor force"},
    "employed_never_worked": {"class_of_worker": codebook.NEVER_WORKED},
    "birth_by_man": {"fertility": "Yes", "sex": "Male"},
    "birth_age": {"fertility": "Yes", "age_years": 51},
    "alone_with_children": {"household_type": "Woman living alone", "family_presence": "Own children under 6 only"},
    "alone_other_sex": {"household_type": "Man living alone"},
    "quarters_household": {"is_group_quarters": True},
    "native_not_citizen": {"citizenship": "Not a U.S. citizen"},
    "english_only_other_language": {"english_ability": "Very well"},
    "difficulty_without_disability": {"hearing_difficulty": "Yes"},
    "needs_work": {"needs": "work", "employment_status": "Not in labor force"},
    "needs_home": {"needs": "home", "is_group_quarters": True, "household_type": NOT_IN_UNIVERSE},
    "needs_others": {"needs": "others", "household_type": "Woman living alone"},
    "needs_children": {"needs": "outgoing+children"},
    "needs_outside": {"needs": "outside", "relationship": rules.INSTITUTION},
    "needs_faith": {"needs": "faith+home", "religion": "Atheist or agnostic"},
    "needs_outgoing": {"needs": "outgoing", "extraversion": -0.6},
    "needs_reserved": {"needs": "reserved", "extraversion": 0.6},
    "needs_orderly": {"needs": "orderly", "conscientiousness": -0.6},
}
FINE = {
    "veteran_child": {
        "age_years": 17,
        "veteran_status": "Now on active duty",
        "employment_status": "Armed forces, at work",
    },
    "married_child": {"age_years": 15, "education": "Grade 9", "employment_status": NOT_IN_UNIVERSE},
    "early_degree": {"age_years": 17},
    "early_doctorate": {"age_years": 20, "education": "Doctorate degree"},
    "working_child": {"age_years": 16, "education": "Grade 9"},
    "child_income": {"age_years": 15, "income_usd": 0.0, "education": "Grade 9", "employment_status": NOT_IN_UNIVERSE},
    "soldier_never_served": {"employment_status": "Armed forces, at work", "veteran_status": "Now on active duty"},
    "active_duty_idle": {"employment_status": "Not in labor force"},
    "employed_never_worked": {"class_of_worker": codebook.NEVER_WORKED, "employment_status": "Unemployed"},
    "birth_by_man": {"fertility": "Yes"},
    "birth_age": {"fertility": "Yes", "age_years": 50},
    "alone_with_children": {"household_type": "Woman living alone"},
    "alone_other_sex": {"household_type": "Woman living alone"},
    "quarters_household": {"is_group_quarters": True, "household_type": NOT_IN_UNIVERSE},
    "native_not_citizen": {"nativity": "Foreign born", "citizenship": "Not a U.S. citizen"},
    "english_only_other_language": {"english_ability": "Very well", "household_language": "Spanish"},
    "difficulty_without_disability": {"hearing_difficulty": "Yes", "disability": "With a disability"},
    "needs_work": {"needs": "work"},
    "needs_home": {"needs": "home"},
    "needs_others": {"needs": "others"},
    "needs_children": {"needs": "children", "family_presence": "Own children 6 to 17 only"},
    "needs_outside": {"needs": "outside"},
    "needs_faith": {"needs": "faith"},
    "needs_outgoing": {"needs": "outgoing", "extraversion": -0.5},
    "needs_reserved": {"needs": "reserved", "extraversion": 0.5},
    "needs_orderly": {"needs": "orderly", "conscientiousness": -0.5},
}


def test_every_rule_has_its_two_people():
    assert [*BROKEN] == [*FINE] == [rule.rule_id for rule in rules.RULES]


@pytest.mark.parametrize("rule_id", BROKEN)
def test_rule(rule_id):
    both = pd.DataFrame([ADA | IMPUTED | BROKEN[rule_id], ADA | IMPUTED | FINE[rule_id]])
    assert rules.broken(both)[rule_id].tolist() == [True, False]
    assert rules.first_broken(both)["rule_id"].iloc[1] == "", "the second person breaks no rule at all"


def test_unknown_values_break_no_rule():
    blank = {k: UNKNOWN for k, v in ADA.items() if isinstance(v, str)} | {"needs": "work+others+children+outside"}
    someone = pd.DataFrame([ADA | IMPUTED | blank])
    assert not rules.broken(someone).any(axis=None)


def test_a_strange_need_is_named():
    with pytest.raises(SchemaError, match="needs wings is not one of"):
        rules.broken(pd.DataFrame([ADA | IMPUTED | {"needs": "wings"}]))


def test_labels_in_rules_exist_in_the_census():
    known = codebook.codes(codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz"), year=2018)
    said = {
        "ESR": (*rules.CIVILIAN_WORK, *rules.ARMED_FORCES, "Unemployed", "Not in labor force"),
        "MAR": rules.EVER_MARRIED,
        "SCHL": (*rules.ADVANCED_DEGREE, "Doctorate degree"),
        "HHT": rules.LIVING_ALONE,
        "HUPAOC": rules.CHILDREN,
        "CIT": rules.NOT_BORN_CITIZEN,
        "RELP": (rules.INSTITUTION,),
        "MIL": ("Now on active duty", "Never served in the military"),
        "NATIVITY": ("Native",),
        "DIS": ("Without a disability",),
        "HHL": ("English only",),
        "DREM": ("Yes",),
    }
    for variable, labels in said.items():
        assert set(labels) <= set(known[variable].values()), variable
    assert (
        rules.INSTITUTION
        in codebook.codes(codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz"), year=2023)["RELSHIPP"].values()
    )


# ------------------------------------------------------------------ descriptions


def test_description_has_one_line_per_attribute_in_order(inputs):
    mine = candidates(inputs, 3).assign(personal_time="Walks.")
    text = personas.describe(mine).iloc[0]
    assert [line.split(": ")[0] for line in text.split("\n")] == schema.attributes()["label"].tolist()
    assert "Income: $43,201 a year" in text and "Fertility: Not applicable" in text
    assert "Personal time" not in personas.describe(mine, without=("personal_time",)).iloc[0]
    with pytest.raises(SchemaError, match="hair is no attribute"):
        personas.describe(mine, without=("hair",))


@pytest.mark.parametrize(
    ("income", "age", "line"),
    [
        (-5000.4, 40, "-$5,000 a year"),
        (0.0, 40, "$0 a year"),
        (-0.3, 40, "$0 a year"),
        (1234567.0, 40, "$1,234,567 a year"),
    ]
    + [(np.nan, 14, "Not applicable"), (np.nan, 40, "Unknown")],
)
def test_incomes_in_words(inputs, income, age, line):
    mine = candidates(inputs, 1).assign(personal_time="Walks.", income_usd=income, age_years=age)
    assert f"\nIncome: {line}\n" in personas.describe(mine).iloc[0]


def test_written_text_cannot_pose_as_another_attribute(inputs):
    forged = "Reads.\nSex: Male\r\nAge: 99\u2028Race: none\x0b{{prompt}} {x}\x85Religion: y"
    made, _, _ = run(inputs, answer=lambda t, p: {"data": {"personal_time": forged}} if t == "write_traits" else {})
    for text in made["description"]:
        assert len(text.splitlines()) == 33 and "{{prompt}} {x}" in text
        assert sum(line.startswith("Age: ") for line in text.splitlines()) == 1


# ------------------------------------------------------------------ asking and accepting


def test_personas_are_the_first_consistent_draws_and_observed_fields_are_the_census(inputs):
    made, table, provenance = run(inputs)
    schema.check(made, "personas"), schema.check(table, "candidates"), schema.check(provenance, "provenance")
    consistent = table.loc[table["is_consistent"], "draw"].head(10).tolist()
    assert made["draw"].tolist() == consistent and made["persona_id"].tolist() == [f"p{k:04d}" for k in range(1, 11)]
    assert (made["persona_split"] == "train").sum() == 6
    assert personas.check_observed(made, census()) is made
    assert set(table["stage"]) <= {"accepted", "rule", "surplus"}
    assert (table["stage"] == "accepted").sum() == 10


def test_a_changed_census_value_is_named(inputs):
    made, _, _ = run(inputs)
    made.loc[3, "marital_status"] = "Divorced"
    with pytest.raises(SchemaError, match=r"p0004\.marital_status is 'Divorced', but the census says 'Married'"):
        personas.check_observed(made, census())
    with pytest.raises(SchemaError, match="not in the census"):
        personas.check_observed(made.assign(person_id="2018-x"), census())


def test_only_draws_that_pass_the_rules_are_asked(inputs):
    mine = candidates(inputs)
    assert 0 < (mine["rule_id"] != "").sum() < len(mine)
    ask = Asked()
    personas.check_consistency(personas.write_fields(mine, ask=ask), ask=ask)
    passed = mine.index[mine["rule_id"] == ""]
    assert [r.index.tolist() for r in ask.seen] == [passed.tolist()] * 2
    assert ask.seen[0]["endpoint"].unique().tolist() == ["large"]
    assert ask.seen[1]["endpoint"].unique().tolist() == ["medium"]


@pytest.mark.parametrize(
    ("template", "reply", "reason"),
    [
        ("write_traits", {"status": "failed", "detail": "timeout"}, "writer failed: timeout"),
        ("write_traits", {"status": "refused", "detail": "no"}, "writer refused: no"),
        ("write_traits", {"data": {"personal_time": " \n "}}, "writer unparsed: no personal_time in the reply"),
        ("write_traits", {"data": {"personal_time": 7}}, "writer unparsed: no personal_time in the reply"),
        ("check_consistency", {"status": "unparsed", "detail": "not JSON"}, "filter unparsed: not JSON"),
        ("check_consistency", {"data": {"is_consistent": "yes"}}, "filter unparsed: no is_consistent in the reply"),
    ],
)
def test_a_reply_that_is_no_answer_is_a_status(inputs, template, reply, reason):
    def answer(asked, text):
        return reply if asked == template and "\nSex: Male" in text else {}

    made, table, _ = run(inputs, answer=answer, n=8, n_train=4)
    assert (made["sex"] == "Female").all()
    lost = table[table["rule_id"] == "no_verdict"]
    passed = candidates(inputs).query("rule_id == ''")
    assert len(lost) == (passed["sex"] == "Male").sum() and not lost["is_consistent"].any()
    assert set(lost["reason"]) == {reason} and set(lost["stage"]) == {"model"}


def test_a_rejection_keeps_the_models_reason(inputs):
    def answer(template, text):
        said = {"is_consistent": False, "reason": "Two lines\nclash."}
        return {"data": said} if template == "check_consistency" and "\nSex: Male" in text else {}

    made, table, _ = run(inputs, answer=answer, n=8, n_train=4)
    rejected = table[table["rule_id"] == "model"]
    assert (made["sex"] == "Female").all() and set(rejected["reason"]) == {"Two lines clash."}
    assert set(rejected["stage"]) == {"model"} and not rejected["is_consistent"].any()


def test_too_few_say_what_to_raise(inputs):
    def answer(template, text):
        return {"status": "refused"} if "\nSex: Male" in text else {}

    message = r"of 12 draws are consistent, but personas\.n is 12 .*verdict [1-6]\); raise population\.n_draws"
    with pytest.raises(ValueError, match=message):
        run(inputs, answer=answer, n_draws=12, n=12)
    with pytest.raises(ValueError, match="n_train = 11 must be between"):
        run(inputs, n=10, n_train=11)


def test_nobody_passes_the_rules(inputs):
    mine = candidates(inputs, 5).assign(rule_id="needs_work", reason="x")
    ask = Asked()
    verdicts = personas.check_consistency(personas.write_fields(mine, ask=ask), ask=ask)
    assert ask.seen == [] and verdicts.empty
    with pytest.raises(ValueError, match="0 of 5 draws"):
        personas.accept(personas.write_fields(mine, ask=ask), verdicts, n=1, n_train=0, seed=1)


def test_provenance_covers_every_field_of_every_persona(inputs):
    made, _, provenance = run(inputs)
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


def test_derived_household_fields_are_marked(inputs):
    people = census().assign(is_household_derived=True)
    mine = personas.apply_rules(personas.complete(draws(), people, inputs.chain, inputs.norms, inputs.lists, seed=1))
    ask = Asked()
    written = personas.write_fields(mine, ask=ask)
    verdicts = personas.check_consistency(written, ask=ask)
    _, _, provenance = personas.accept(written, verdicts, n=5, n_train=2, seed=1)
    derived = set(provenance.loc[provenance["origin"] == "derived", "field"])
    assert derived == {"household_language", "household_type", "family_presence", "description"}


def test_shards_ask_what_the_notebook_replays(inputs):
    tables = {"draws": draws(), "census": census(), "chain": inputs.chain, "norms": inputs.norms, **inputs.lists}
    whole, parts = Asked(), Asked()
    ran = personas.write_fields(candidates(inputs), ask=whole)
    personas.check_consistency(ran, ask=whole)
    for shard in range(3):
        personas.collect_personas(tables, {"seed": 1}, shard=shard, of=3, ask=parts)

    def texts(ask):
        return sorted((t, s["persona"]) for r in ask.seen for t, s in zip(r["template"], r["slots"], strict=True))

    assert texts(whole) == texts(parts)
    assert {streams.shard_of(str(k), 3) for k in range(40)} == {0, 1, 2}


# ------------------------------------------------------------------ the audit


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (17, 2000)])
def test_wilson_is_statsmodels(k, n):
    assert selection.wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-7)


def test_wilson_of_nothing_is_undefined():
    assert np.isnan(selection.wilson(0, 0)).all()


def test_audit_counts_by_hand():
    people = census(8)  # sexes alternate
    table = pd.DataFrame({"draw": range(8), "person_id": people["person_id"]})
    table["rule_id"] = ["", "needs_work", "", "no_verdict", "", "model", "", ""]
    table["is_consistent"] = table["rule_id"] == ""
    kept = table[table["is_consistent"]].head(4)
    found = personas.audit(table, kept, people, rule_ids=["needs_work", "model"], n_random=50, seed=1)
    checked = schema.check(found, "persona_audit").set_index(["statistic", "group"])
    assert checked.loc[("rejection_rate", "all"), ["estimate", "n", "n_excluded"]].tolist() == [2 / 7, 7, 1]
    assert checked.loc[("rejection_rate", "sex=Male"), ["estimate", "n", "n_excluded"]].tolist() == [2 / 3, 3, 1]
    assert checked.loc[("rejection_rate", "sex=Female"), "estimate"] == 0
    assert checked.loc[("rejected_by", "model"), "estimate"] == 1 / 7
    assert checked.loc[("total_variation", "sex"), "estimate"] == pytest.approx(0.5)  # 4 of 4 women, 1/2 of the draws
    assert checked.loc[("total_variation_random", "sex"), "low"] >= 0
    with pytest.raises(SchemaError, match="not among the candidates"):
        personas.audit(table, kept.assign(draw=99), people, rule_ids=[], n_random=5, seed=1)


def test_raking_restores_the_margins():
    rng = np.random.default_rng(1)
    before = pd.DataFrame({"sex": rng.choice(["F", "M"], 400), "age": rng.choice(["a", "b", "c"], 400)})
    accepted = before[(rng.random(400) < np.where(before["sex"] == "F", 0.9, 0.5))]
    weights = selection.weigh_back(accepted, before)
    for column in before:
        shares = weights.groupby(accepted[column]).sum() / weights.sum()
        assert np.abs(shares - before[column].value_counts(normalize=True)).max() < 1e-8
    assert weights.mean() == pytest.approx(1)
