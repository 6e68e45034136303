"""Small tables made by hand, and every figure of them."""

import numpy as np
import pandas as pd
import pytest
from drawn_rows import ATTRIBUTES, MODELS, row
from hostile import NASTY
from small_personas import census, complete, draws, run

from persona_lib.showing import diagrams, distributions, figures, matrices
from persona_lib.showing.topics import topics
from persona_lib.synthesis import selection
from persona_lib.synthesis.personas import apply_rules
from persona_lib.tables import schema
from persona_lib.tables.values import BIG_FIVE


@pytest.fixture
def personas():
    n = 10
    table = {name: ["Yes"] * 7 + ["No"] * 3 for name in ATTRIBUTES}
    table |= {"age_years": [18, 24, 25, 34, 35, 40, 50, 60, 70, 90], "income_usd": [np.nan, -5.0, 0.0, 1.0, *[3e4] * 6]}
    table |= {"job_description": [f"job {i}" for i in range(n)], "race": [f"r{i % 10}" for i in range(n)]}
    table |= {"fertility": ["not in universe"] * 6 + ["unknown", "No", "No", "Yes"]}
    table |= {trait: np.linspace(-2, 2, n) for trait in BIG_FIVE}
    ids = [f"p{i:04d}" for i in range(1, n + 1)]
    return pd.DataFrame(table | {"persona_id": ids, "persona_split": ["train"] * 6 + ["heldout_persona"] * 4})


@pytest.fixture
def provenance(personas):
    """Origins as declared, but that household type is derived for all and family presence for a minority."""
    origins = schema.attributes().set_index("attribute")["origin"]
    rows = [(who, field, origin) for who in personas["persona_id"] for field, origin in origins.items()]
    table = pd.DataFrame(rows, columns=["persona_id", "field", "origin"])
    derived = table["field"].eq("household_type")
    derived |= table["field"].eq("family_presence") & table["persona_id"].isin(personas["persona_id"][:4])
    return table.assign(origin=table["origin"].mask(derived, "derived"))


@pytest.fixture
def prompts():
    fates = [("Work", "kept", "train")] * 4 + [("Faith", "kept", "train")] * 2 + [("Work", "kept", "heldout_prompt")]
    fates += [("", "no question mark", "none")] * 3
    table = pd.DataFrame(fates, columns=["topic", "reason", "prompt_split"])
    return table.assign(is_kept=table["reason"] == "kept", text="Is this a question?")


@pytest.fixture
def margins():
    rows = [("census", "sex", "Female", 0.51, 0.01, 510), ("census", "sex", "Male", 0.49, 0.01, 490)]
    rows += [("draws", "sex", "Female", 0.55, 0.05, 100), ("draws", "sex", "Male", 0.45, 0.05, 100)]
    rows += [("published", "sex", "Female", 0.508, 0.001, None), ("file", "sex", "Female", 0.515, 0.01, 600)]
    rows += [
        ("census", "age_years", c, s, 0.01, 250)
        for c, s in (("85 and over", 0.1), ("5 to 9", 0.3), ("Under 5", 0.2), ("10 to 14", 0.4))
    ]
    return pd.DataFrame(rows, columns=["source", "attribute", "category", "share", "standard_error", "n"])


@pytest.fixture
def fidelity():
    return pd.DataFrame([row("share_correlation", "all", 0.95, half=0.01)])


@pytest.fixture
def pairs():
    """Seven pairs, one of them refused."""
    splits = ["train"] * 4 + ["heldout_pair"] * 2 + ["heldout_prompt"]
    return pd.DataFrame({"pair_split": splits, "status": ["refused"] + ["ok"] * 6})


@pytest.fixture
def influences():
    """Three personas an attribute, with kappas 0.1 below, on and above 0.5, 0.51, ...; but see sex and race."""
    rows = []
    for i, name in enumerate([*ATTRIBUTES, "placebo"]):
        for j, who in enumerate(("p1", "p2", "p3")):
            kappa = {("sex", "p3"): np.nan, ("race", "p3"): 1.0}.get((name, who), 0.4 + i / 100 + j / 10)
            rows += [row("persona_kappa", f"{name}|{who}", kappa), row("persona_kappa_retest", f"{name}|{who}", 0.9)]
    rows += [row("excess_flip", name, i / 100) for i, name in enumerate([*ATTRIBUTES, "placebo"])]
    rows += [row("p_adjusted", name, 0.01 if name == "religion" else 0.6) for name in ATTRIBUTES]
    return pd.DataFrame([*rows, row("mean_kappa", "all", 0.6), row("excess_flip", "all", 0.1)])


ALIKE = {"p1p1": 0.9, "p2p2": 0.9, "p3p3": 0.9, "p1p3": 0.8, "p3p1": 0.6, "p2p3": 0.5, "p3p2": 0.5}
ALIKE |= {"p1p2": 0.1, "p2p1": 0.3}  # of the three, p3 is alike to both others: it belongs between them


@pytest.fixture
def kappas():
    rows = []
    for a in ("p1", "p2", "p3"):
        for b in ("p1", "p2", "p3"):
            own = 0.8 if a == b else -0.1
            rows += [("model-rater", model, a, b, own, 0.8, 10) for model in MODELS]
            rows += [("model-model", "large|small", a, b, own / 2, 0.7, 10)]
            rows += [("rater-majority", "", a, b, own / 4, ALIKE[a + b], 10)]
    table = pd.DataFrame(rows, columns=["comparison", "model", "rater_a", "rater_b", "kappa", "agreement", "n"])
    gone = (table["rater_a"] + table["rater_b"]).isin(["p1p2", "p2p1"]) & (table["model"] == "large")
    return table.assign(kappa=table["kappa"].mask(gone), low=np.nan, high=np.nan, shrunk=np.nan)


@pytest.fixture
def agreement():
    rows = [row("kappa_content", group, 0.5) for group in (*MODELS, "held_out_rater", "large|small")]
    rows += [row("mean_kappa", model, 0.8) for model in MODELS]
    return pd.DataFrame([*rows, row("mean_kappa_other", "large", -0.1), row("mean_kappa_other", "small", np.nan)])


@pytest.fixture
def benchmark():
    rates = {
        ("large", "baseline"): 0.05,
        ("large", "summary"): 0.4,
        ("small", "baseline"): np.nan,
        ("small", "summary"): 0.3,
    }
    rows = [row("pass_rate", "|".join(key), rate, n_excluded=1) for key, rate in rates.items()]
    rows += [row("pass_rate", "all|baseline", 0.05), row("drop_rate", "all", 0.3), row("drop_rate_by_rule", "all", 0.4)]
    for i, name in enumerate(ATTRIBUTES):
        rows += [row("drop_rate", name, i / 40), row("drop_rate_by_rule", name, i / 40)]
        rows += [row("drop_rate", f"{model}|{name}", i / 40) for model in MODELS]
    rows += [row("equivalent", "all", 0.02, half=0.01), row("equivalent", "large", 0.03)]
    return pd.DataFrame([*rows, row("kendall_w", "all", 0.9), row("kendall_w_question", "all", np.nan)])


@pytest.fixture
def dropped():
    """Two personas, each with two of three questions: eight summaries, of which one is unscored."""
    items = [("p1", "q1"), ("p1", "q2"), ("p2", "q2"), ("p2", "q3")]
    rows = [(f"{p}.{q}", p, q, m, a, "ok") for p, q in items for m in MODELS for a in ATTRIBUTES]
    table = pd.DataFrame(rows, columns=["item_id", "persona_id", "prompt_id", "model", "attribute", "status"])
    gone = (table["item_id"] == "p1.q1") & (table["model"] == "small")
    return table.assign(status=table["status"].mask(gone, "refused"))


@pytest.fixture
def pass_at_k():
    """Model small was not asked with chain of thought."""
    rates, arms = {1: 0.2, 2: 0.4, 4: 0.8}, ("chain_of_thought", "output_only", "baseline")
    asked = [(m, mode) for m in MODELS for mode in arms if (m, mode) != ("small", "chain_of_thought")]
    rows = [row("pass_at_k", f"{m}|{mode}|{k}", v) for m, mode in asked for k, v in rates.items()]
    again = [(m, mode) for m, mode in asked if mode != "output_only"]
    rows += [row("reexamined", f"{m}|{mode}|{k}", v / 2) for m, mode in again for k, v in rates.items()]
    return pd.DataFrame(rows)


@pytest.fixture
def every(
    personas,
    provenance,
    prompts,
    pairs,
    margins,
    fidelity,
    influences,
    kappas,
    agreement,
    benchmark,
    dropped,
    pass_at_k,
):
    """Each figure as a function of whether the run is simulated."""
    return {
        1: lambda s: diagrams.construction(personas, provenance, simulated=s),
        2: lambda s: distributions.demographics(personas, simulated=s),
        3: lambda s: topics(prompts, simulated=s),
        4: lambda s: diagrams.feedback_creation(personas, prompts, pairs, kappas, simulated=s),
        5: lambda s: figures.influence(influences, simulated=s),
        6: lambda s: matrices.rater_matrices(kappas, agreement, simulated=s),
        7: lambda s: matrices.rater_histograms(kappas, agreement, simulated=s),
        8: lambda s: matrices.model_matrices(kappas, agreement, simulated=s),
        9: lambda s: matrices.model_histograms(kappas, agreement, simulated=s),
        10: lambda s: figures.modes(benchmark, simulated=s),
        11: lambda s: figures.dropped_attributes(benchmark, dropped, simulated=s),
        12: lambda s: figures.pass_curves(pass_at_k, simulated=s),
        13: lambda s: distributions.census_demographics(margins, fidelity, synthetic=s),
    }


@pytest.fixture(scope="module")
def made():
    """Ten personas, their provenance and weights; every personal time is hostile text."""
    data = {"data": {"personal_time": NASTY}}
    people, table, provenance = run(answer=lambda template, _: data if template == "write_traits" else {})
    weights = selection.raked(table, people, apply_rules(complete(draws(), census())))
    return [
        schema.check(t, name)
        for t, name in ((people, "personas"), (provenance, "provenance"), (weights, "persona_weights"))
    ]
