"""The committed results themselves: complete, consistent, recomputable, and right where another oracle can say so."""

import hashlib
import itertools
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.metrics import cohen_kappa_score

from persona_lib.census import published
from persona_lib.cost.plan import planned_calls
from persona_lib.measuring import ablation, agreement, benchmark, calibration, flip_odds, judges, pass_at_k, validation
from persona_lib.pluralism import majority
from persona_lib.pluralism.given import given_statistics
from persona_lib.pluralism.individuation import individuation_statistics
from persona_lib.sampling import discriminator, fidelity, joint, official, population
from persona_lib.stages.prompts import read_bank, screen
from persona_lib.tables import schema

ROOT = Path(__file__).parents[1]
EXPECTED = ROOT / "data" / "expected" / "demo"
REFERENCE = ROOT / "data" / "reference"
WHO = ("adults_only", "group_quarters", "strata")
CONFIG = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text("utf-8"))
SEED, N_BOOTSTRAP = CONFIG["seed"], CONFIG["resample"]["n_bootstrap"]
STAGES = ["personas", "prompts", "feedback", "validation", "pool", "ablation", "benchmark", "pass_at_k", "survey"]
WRITTEN = [name for name in schema.tables() if name != "statistics"]


@cache
def table(name: str) -> pd.DataFrame:
    """A committed table, checked once; no test changes it."""
    return schema.read(EXPECTED / f"{name}.parquet", name)


def texts(path: Path) -> list[str]:
    """What stands in a Parquet file, each value once, and in its schema and metadata; numbers are left out."""
    found = pq.read_table(path)
    values = (pc.unique(column).to_pylist() for column in found.columns if not is_number(column.type))
    return [str(found.schema), *(str(value) for some in values for value in some)]


def is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def sealed(stage: str) -> pd.DataFrame:
    return pd.read_parquet(EXPECTED / "sealed" / f"{stage}.parquet")


def one(name: str, statistic: str, group: str) -> pd.Series:
    rows = table(name)
    found = rows[(rows["statistic"] == statistic) & (rows["group"] == group)]
    assert len(found) == 1, f"{name} has {len(found)} rows {statistic}|{group}"
    return found.iloc[0]


OF_PEOPLE = ("people_agreement",)  # empty until somebody gives a study's file


class TestCompleteness:
    @pytest.mark.parametrize("name", WRITTEN)
    def test_every_table_is_there_and_passes_its_check(self, name):
        assert (len(table(name)) > 0) == (name not in OF_PEOPLE)

    def test_nothing_else_is_there(self):
        assert {path.stem for path in EXPECTED.glob("*.parquet")} == set(WRITTEN)
        assert {path.stem for path in (EXPECTED / "sealed").iterdir()} == set(STAGES)

    def test_sizes_are_those_of_the_configuration(self):
        personas, prompts, pairs = table("personas"), table("prompts"), table("pairs")
        assert len(personas) == CONFIG["personas"]["n"]
        assert (personas["persona_split"] == "train").sum() == CONFIG["personas"]["n_train"]
        assert prompts["is_kept"].sum() == CONFIG["prompts"]["n"]
        assert (prompts["prompt_split"] == "train").sum() == CONFIG["prompts"]["n_train"]
        sizes = CONFIG["feedback"]
        expected = {
            "train": sizes["n_train_pairs"],
            "heldout_pair": sizes["n_heldout_pairs"],
            "heldout_prompt": sizes["n_heldout_prompts"],
        }
        counts = pairs.groupby(["persona_id", "pair_split"]).size().unstack()
        assert (counts[list(expected)] == list(expected.values())).all(axis=None)
        assert len(pairs) == 800

    def test_calls_stay_in_the_plan_and_the_plan_within_the_budget(self):
        plan = table("plan").groupby("stage")["calls_high"].sum()
        made = {stage: len(sealed(stage)) for stage in STAGES}
        assert all(made[stage] <= plan[stage] for stage in STAGES), made
        # The declared budget: 35,000 for the protocol, 15,000 for measuring, 10,000 for humans.
        assert table("plan")["calls_expected"].sum() <= 60_000
        kept = (screen(read_bank(ROOT / CONFIG["prompts"]["bank"]))["reason"] == "").sum()
        counted = planned_calls(CONFIG, n_bank=int(kept)).sort_values(["stage", "template", "endpoint"])
        assert counted["calls_high"].tolist() == table("plan")["calls_high"].tolist()


class TestLineage:
    @pytest.mark.parametrize(
        ("child", "column", "parent", "key"),
        [
            ("draws", "person_id", "census", "person_id"),
            ("candidates", "draw", "draws", "draw"),
            ("personas", "draw", "candidates", "draw"),
            ("personas", "person_id", "census", "person_id"),
            ("provenance", "persona_id", "personas", "persona_id"),
            ("pairs", "persona_id", "personas", "persona_id"),
            ("pairs", "prompt_id", "prompts", "prompt_id"),
            ("answers", "prompt_id", "prompts", "prompt_id"),
            ("judgements", "item_id", "pairs", "pair_id"),
            ("pool_items", "prompt_id", "prompts", "prompt_id"),
            ("pool_items", "answer_a_id", "pool_answers", "answer_id"),
            ("pool_items", "answer_b_id", "pool_answers", "answer_id"),
            ("pool_judgements", "item_id", "pool_items", "item_id"),
            ("given_answers", "item_id", "pool_items", "item_id"),
            ("given_answers", "persona_id", "personas", "persona_id"),
            ("ablation_judgements", "item_id", "pool_items", "item_id"),
            ("ablation_judgements", "persona_id", "personas", "persona_id"),
            ("attempts", "persona_id", "personas", "persona_id"),
            ("dropped", "persona_id", "personas", "persona_id"),
            ("pass_attempts", "prompt_id", "prompts", "prompt_id"),
        ],
    )
    def test_every_id_has_its_row(self, child, column, parent, key):
        assert set(table(child)[column]) <= set(table(parent)[key])

    @pytest.mark.parametrize(
        ("name", "stage"),
        [
            ("prompts", "prompts"),
            ("pairs", "feedback"),
            ("answers", "feedback"),
            ("judgements", "validation"),
            ("pool_answers", "pool"),
            ("pool_judgements", "pool"),
            ("given_answers", "pool"),
            ("ablation_judgements", "ablation"),
            ("attempts", "benchmark"),
            ("dropped", "benchmark"),
            ("pass_attempts", "pass_at_k"),
        ],
    )
    def test_every_call_of_a_table_is_in_the_sealed_ledger(self, name, stage):
        hashes = set(table(name)["request_hash"]) - {""}
        assert hashes and hashes <= set(sealed(stage)["request_hash"])

    def test_census_values_reach_the_persona_unchanged(self):
        observed = schema.attributes().query("origin == 'observed'")["attribute"].tolist()
        personas = table("personas").set_index("person_id")[observed]
        census = table("census").set_index("person_id")[observed].loc[personas.index]
        pd.testing.assert_frame_equal(personas, census)

    def test_nothing_leaks(self):
        pairs, prompts = table("pairs"), table("prompts").set_index("prompt_id")["prompt_split"]
        train = set(pairs.loc[pairs["pair_split"] == "train", "prompt_id"])
        unseen = set(pairs.loc[pairs["pair_split"] == "heldout_prompt", "prompt_id"])
        assert not train & unseen
        assert set(prompts[list(unseen)]) == {"heldout_prompt"} and set(prompts[list(train)]) == {"train"}
        held_out = [set(table(name)["prompt_id"]) for name in ("pool_items", "attempts", "pass_attempts")]
        assert not train & set.union(*held_out)


class TestRecomputation:
    """The library of today gives the statistics that are committed; an error of 1 % in it fails here."""

    def same(self, name, recomputed):
        pd.testing.assert_frame_equal(schema.check(recomputed, name), table(name), rtol=1e-9, atol=1e-12)

    def test_validation(self):
        given = table("judgements"), table("pairs"), table("answers")
        of_judge = judges.judge_statistics(*given, table("certainties"), table("contests"))
        self.same("validation", pd.concat([validation.validation_statistics(*given), of_judge]))

    def test_kappas(self):
        shared = CONFIG["agreement"]["min_shared"]
        self.same("kappas", agreement.kappas(table("pool_judgements"), table("pool_items"), min_shared=shared))

    def test_agreement(self):
        shared = CONFIG["agreement"]["min_shared"]
        inputs = table("pool_judgements"), table("pool_items")
        self.same("agreement", agreement.agreement_statistics(*inputs, min_shared=shared))

    def test_influences(self):
        compared = ablation.flips(table("ablation_judgements"), table("pool_items"))
        found = ablation.influence_statistics(compared)
        beside = ablation.with_whole(table("pool_judgements"), table("pool_items"))
        by_lines = ablation.lines_statistics(beside)
        odds = flip_odds.flip_odds_statistics(compared[compared["pairs"] == "pool"])
        self.same("influences", pd.concat([found, by_lines, odds]))

    def test_benchmark(self):
        found = benchmark.benchmark_statistics(table("attempts"), table("dropped"))
        given = table("attempts"), table("calibration"), table("personas"), table("prompts")
        self.same("benchmark", pd.concat([found, calibration.examiner_statistics(*given)]))

    def test_pass_at_k(self):
        n = CONFIG["pass_at_k"]["n_attempts"]
        found = pass_at_k.pass_at_k_statistics(table("pass_attempts"), n_attempts=n)
        self.same("pass_at_k", found)

    def test_pluralism(self):
        inputs = (table(name) for name in ("pool_judgements", "pool_items", "personas", "attempts"))
        given = {"shares": table("pool_shares"), "weights": table("persona_weights")}
        found = majority.pluralism_statistics(*inputs, **given, n_bootstrap=N_BOOTSTRAP, seed=SEED)
        names = ("given_answers", "pool_judgements", "pool_items", "personas", "persona_weights")
        written = given_statistics(*(table(name) for name in names))
        self.same("pluralism", pd.concat([found, written, individuation_statistics(table("pass_attempts"))]))

    def test_fidelity(self):
        census, draws = table("census"), table("draws")
        base = population.frame(census, **{key: CONFIG["population"][key] for key in WHO})
        totals = published.read_published(*sorted(REFERENCE.glob("published_acs*")))
        weights = population.weight_matrix(census, table("replicates"))
        parts = [
            fidelity.against_source(base, draws, seed=SEED),
            joint.against_source(base, draws, seed=SEED),
            discriminator.against_source(base, draws, seed=SEED),
            official.against_published(census, base, draws, weights, totals, seed=SEED),
        ]
        self.same("fidelity", pd.concat(parts))


class TestOtherOracles:
    """The same numbers by another way: scikit-learn, a plain merge, enumeration."""

    def test_kappa_between_two_models_by_scikit_learn(self):
        judged = table("pool_judgements").query("status == 'ok' and lines_shown == 'all' and repeat == 0")
        cells = table("kappas").query("comparison == 'model-model'").dropna(subset=["kappa"])
        assert len(cells) > 10
        by = {
            key: part.set_index("item_id")["chosen_answer_id"]
            for key, part in judged.groupby(["rater_id", "persona_shown_id"])
        }
        for row in cells.iloc[:: max(1, len(cells) // 50)].itertuples():
            first, second = row.model.split("|")
            both = pd.concat([by[first, row.rater_a], by[second, row.rater_b]], axis=1, join="inner")
            coded = both.apply(lambda c: c.str.startswith("divergent"))
            assert row.n == len(coded)
            assert row.kappa == pytest.approx(cohen_kappa_score(coded.iloc[:, 0], coded.iloc[:, 1]), abs=1e-12)

    def test_holds_by_a_plain_merge(self):
        judged = (
            table("judgements")
            .query("status == 'ok'")
            .merge(table("pairs"), left_on="item_id", right_on="pair_id", suffixes=("", "_pair"))
        )
        is_first = (judged["lines_shown"] == "all") & (judged["repeat"] == 0)
        own = judged[(judged["persona_shown_id"] == judged["persona_id"]) & is_first]
        row = one("validation", "holds", "own")
        assert row["estimate"] == pytest.approx(
            (own["chosen_answer_id_pair"] == own["chosen_answer_id"]).mean(), abs=1e-12
        )
        assert row["n"] == len(own)

    def test_excess_flip_by_a_plain_pivot(self):
        judged = table("ablation_judgements").query("attribute == 'lifestyle' and status == 'ok' and pairs == 'pool'")
        wide = judged.pivot(index=["persona_id", "item_id"], columns="arm", values="chosen_answer_id").dropna()
        arms = [["without", "without_again"], ["with", "with_again"]]
        between = np.mean([(wide[x] != wide[y]).mean() for x in arms[0] for y in arms[1]])
        within = np.mean([(wide[x] != wide[y]).mean() for x, y in arms])
        excess = between - within
        assert one("influences", "excess_flip", "lifestyle")["estimate"] == pytest.approx(excess, abs=1e-12)

    def test_pass_at_two_by_enumeration(self):
        tried = table("pass_attempts")
        attempts = tried[
            (tried["model"] == "large") & (tried["mode"] == "chain_of_thought") & (tried["status"] == "ok")
        ]
        attempts = attempts[attempts["examination"] == 0]
        items = attempts.groupby("item_id")["passed"].apply(list)
        assert (items.map(len) >= 2).all(), "else the curve is a product of two means"
        by_hand = np.mean([np.mean([a or b for a, b in itertools.combinations(tries, 2)]) for tries in items])
        assert one("pass_at_k", "pass_at_k", "large|chain_of_thought|2")["estimate"] == pytest.approx(
            by_hand, abs=1e-12
        )

    def test_pass_rate_by_hand(self):
        attempts = table("attempts")
        own = attempts[(attempts["critic_persona_id"] == attempts["persona_id"]) & (attempts["status"] == "ok")]
        part = own[(own["model"] == "large") & (own["mode"] == "summary")]
        assert one("benchmark", "pass_rate", "large|summary")["estimate"] == pytest.approx(
            part["passed"].mean(), abs=1e-12
        )

    def test_weighted_share_of_women_by_hand(self):
        census = table("census")
        women = census["sex"] == "Female"
        share = census.loc[women, "weight_persons"].sum() / census["weight_persons"].sum()
        margins = table("margins").query("source == 'census' and attribute == 'sex' and category == 'Female'")
        adults = census["age_years"] >= 18
        of_adults = census.loc[women & adults, "weight_persons"].sum() / census.loc[adults, "weight_persons"].sum()
        assert margins["share"].iloc[0] == pytest.approx(share) or margins["share"].iloc[0] == pytest.approx(of_adults)

    def test_intervals_hold_their_estimates(self):
        for name in ("validation", "agreement", "influences", "benchmark", "pass_at_k", "pluralism"):
            rows = table(name).dropna(subset=["estimate", "low", "high"])
            assert (rows["low"] <= rows["high"] + 1e-12).all(), name


class TestFiguresAndLabels:
    def test_figures_are_those_of_the_table(self):
        figures = table("figures")
        assert len(figures) == 13
        for row in figures.itertuples():
            assert hashlib.sha256((ROOT / "figures/expected/demo" / row.file).read_bytes()).hexdigest() == row.sha256, (
                row.file
            )

    def test_simulated_claims_are_never_set_beside_the_paper(self):
        register = pd.read_csv(ROOT / "data/reference/claims.csv", dtype=str, keep_default_na=False)
        on_answers = register.loc[register["rests_on"] == "answers", "claim_id"]
        claims = table("claims")
        claims = claims[claims["claim_id"].isin(on_answers)]
        assert len(claims) == len(on_answers) > 0
        assert not claims["verdict"].isin(["holds", "differs"]).any()

    def test_most_truths_are_recovered(self):
        claims = table("claims")
        assert (claims["verdict"] == "recovered").sum() > 0
        truth = table("truth").dropna(subset=["truth"])
        found = pd.concat([table(n) for n in ("validation", "influences", "agreement", "benchmark")])
        both = truth.merge(found, on=["statistic", "group"]).dropna(subset=["low", "high"])
        covered = (both["low"] <= both["truth"] + 1e-12) & (both["truth"] <= both["high"] + 1e-12)
        assert len(both) > 30 and covered.mean() >= 0.8, both[~covered]

    def test_no_key_and_no_place_in_anything_committed(self, tmp_path):
        """In what stands in the tables, not in their compressed bytes, where any three letters may meet by chance."""
        secret = re.compile(rf"{re.escape(str(ROOT))}|(?<![A-Za-z])sk-[A-Za-z0-9_-]{{6,}}|Bearer ")
        assert secret.search("key=sk-abc123") and not secret.search("risk-taking")
        pq.write_table(pa.table({"a": [1, 2], "b": ["x", "a Bearer of it"]}), tmp_path / "planted.parquet")
        assert secret.search("\n".join(texts(tmp_path / "planted.parquet")))
        for path in [*EXPECTED.rglob("*.parquet"), *(ROOT / "notebooks").glob("*.ipynb")]:
            content = "\n".join(texts(path)) if path.suffix == ".parquet" else path.read_text("utf-8")
            found = secret.search(content)
            assert found is None, f"{found[0]!r} in {path.name}"
