"""Sizes of a configuration that contradict one another, each with its exact message and its line."""

from __future__ import annotations

import re

import pytest
import yaml
from toy_run import ROOT

from persona_lib.commands.sizes import faults


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompts: {n: 6000}", "prompts.n: 6000 is more than 5112, the prompts of data/prompts/bank.csv (8011) that "
         "pass the rules, of which a classifier may drop more: lower it, or enlarge prompts.bank"),
        ("prompts: {n_classified: 199}", "prompts.n: 200 is more than 199, prompts.n_classified: lower it, or raise "
         "prompts.n_classified"),
        ("prompts: {n: 155}", "prompts.n_train: 155 is more than 154, prompts.n = 155 less one: lower it, or raise "
         "prompts.n"),
        ("pool: {n_items: 46}", "pool.n_items: 46 is more than 45, the held-out prompts (prompts.n = 200 less "
         "prompts.n_train = 155): lower it, or raise prompts.n or lower prompts.n_train"),
        ("feedback: {n_heldout_prompts: 46}", "feedback.n_heldout_prompts: 46 is more than 45, the held-out prompts "
         "(prompts.n = 200 less prompts.n_train = 155): lower it, or raise prompts.n or lower prompts.n_train"),
        ("feedback: {n_train_pairs: 154}", "feedback.n_train_pairs: 154 is more than 153, prompts.n_train = 155 less "
         "feedback.n_heldout_pairs = 2: lower it, or raise prompts.n_train"),
        ("population: {n_draws: 99}", "personas.n: 100 is more than 99, population.n_draws = 99: lower it, or raise "
         "population.n_draws"),
        ("personas: {n_train: 100}", "personas.n_train: 100 is more than 99, personas.n = 100 less one: lower it, or "
         "raise personas.n"),
        ("pool: {n_panel_personas: 101}", "pool.n_panel_personas: 101 is more than 100, personas.n = 100: lower it, or "
         "raise personas.n"),
        ("ablation: {n_personas: 101}", "ablation.n_personas: 101 is more than 100, personas.n = 100: lower it, or "
         "raise personas.n"),
        ("pool: {n_panel_items: 21}", "pool.n_panel_items: 21 is more than 20, pool.n_items = 20: lower it, or raise "
         "pool.n_items"),
        ("agreement: {min_shared: 11}", "agreement.min_shared: 11 is more than 10, pool.n_panel_items = 10: lower it, "
         "or raise pool.n_panel_items"),
        ("ablation: {n_questions: 21}", "ablation.n_questions: 21 is more than 20, pool.n_items = 20: lower it, or "
         "raise pool.n_items"),
        ("validation: {n_pairs: 801}", "validation.n_pairs: 801 is more than 800, personas.n = 100 x 8 pairs: lower "
         "it, or raise personas.n or feedback.n_*"),
        ("validation: {n_contests: 4501}", "validation.n_contests: 4501 is more than 4500, personas.n = 100 x 45 "
         "held-out prompts: lower it, or raise personas.n or prompts.n"),
        ("benchmark: {n_items: 4501}", "benchmark.n_items: 4501 is more than 4500, personas.n = 100 x 45 held-out "
         "prompts: lower it, or raise personas.n or prompts.n"),
        ("pass_at_k: {n_items: 4501}", "pass_at_k.n_items: 4501 is more than 4500, personas.n = 100 x 45 held-out "
         "prompts: lower it, or raise personas.n or prompts.n"),
    ],
)  # fmt: skip
def test_sizes_that_contradict_one_another(said, text, message):
    lines = [re.sub(r"^(x|config/demo).yaml: line \d+: ", "", line) for line in said(f"run: x\n{text}\n").splitlines()]
    assert message in lines


def test_every_size_at_fault_has_its_line_of_its_own_file(said):
    lines = said("run: x\n\npool: {n_items: 46, n_panel_items: 47}\nbenchmark: {n_items: 9999}\n").splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["x.yaml", "line 3", "pool.n_items"],
        ["x.yaml", "line 3", "pool.n_panel_items"],
        ["x.yaml", "line 4", "benchmark.n_items"],
    ]


def test_the_demo_is_at_no_fault_and_a_bank_that_is_not_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    demo = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text("utf-8"))
    assert faults(demo) == []
    demo["prompts"]["bank"] = str(tmp_path / "none.csv")
    ((keys, said),) = faults(demo)
    assert keys == ("prompts", "bank") and "none.csv" in said
