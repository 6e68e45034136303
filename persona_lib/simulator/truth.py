"""What the simulated world answers on average: the values that the analyses should recover.

The truth of a statistic is its expectation over the choices that were asked for, with the noise of every choice
integrated: made of the very probabilities that the simulator drew from, over all planned rows, answered or not.
Refusals and answers out of form come independently of the choice, so leaving them out biases nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from persona_lib.simulator.forms import labels, parse_description
from persona_lib.simulator.minds import accept, model, stand
from persona_lib.simulator.portraits import drop_chance
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import Model, load

PLACEBO = "placebo"
MODES = ("baseline", "output_only", "chain_of_thought", "summary")
BIASES = ("noise", "position_bias", "verbosity_bias", "self_preference", "refusal_rate", "malformed_rate")


def truth(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> pd.DataFrame:
    """Table `truth`: one row per parameter put in, and per statistic that has a closed form.

    Put in: influence of every attribute (its share of a person's own part), biases and error rates of every endpoint,
    mean utility of the chosen and the rejected answers for the persons they were written for. Statistics:
    holds|own, own_ab, own_ba, swapped, none; persona_effect|own-swapped, own-none; first_position|all, own, swapped,
    none; refused|all; flip_rate, retest_flip_rate and excess_flip of every attribute, the placebo and `all` (the
    attributes); kappa_content and raw_agreement of models, pairs of models, rater_rater and held_out_rater, and
    prevalence; pass_rate, difference and calibration of the benchmark; drop_rate.

    Parameters
    ----------
    tables : personas, pairs, answers, judgements, pool_items, pool_answers, pool_judgements, ablation_judgements,
        attempts, dropped
    settings : with `endpoints` (each with its `model`) and `roles`

    Raises
    ------
    KeyError
        A rater that is no simulated endpoint: such a run has no known truth.
    """
    parts = (_declared, _validation, _ablation, _pool, _benchmark, _dropped)
    rows = [row for part in parts for row in part(tables, settings)]
    return pd.DataFrame(rows, columns=["statistic", "group", "truth"])


def _declared(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    weights = load().weights
    total = sum(w * w for w in weights.values())
    rows = [("influence", attribute, w * w / total) for attribute, w in weights.items()]
    for alias, endpoint in settings["endpoints"].items():
        who = model(endpoint["model"])
        rows += [(name, alias, float(getattr(who, name))) for name in BIASES]
    described = tables["personas"].set_index("persona_id")["description"]
    positions = {key: load().position(parse_description(text)) for key, text in described.items()}
    texts = tables["answers"].query("status == 'ok'").set_index("answer_id")["text"]
    for name in ("chosen", "rejected"):
        made = tables["pairs"][["persona_id", f"{name}_answer_id"]].itertuples(index=False)
        utilities = [load().utility(positions[p], *load_bank().vector(texts[a])) for p, a in made if a in texts.index]
        rows.append(("utility", name, float(np.mean(utilities))))
    return rows


def _validation(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    judged = tables["judgements"].merge(
        tables["pairs"][["pair_id", "persona_id", "chosen_answer_id", "rejected_answer_id"]],
        left_on="item_id",
        right_on="pair_id",
        suffixes=("_by_rater", ""),
        validate="m:1",
    )
    judged = judged.rename(columns={"rejected_answer_id": "answer_a_id", "chosen_answer_id": "answer_b_id"})
    judged = _askable(judged, tables["answers"])
    described = tables["personas"].set_index("persona_id")["description"].to_dict() | {"": ""}
    judged["description"] = judged["persona_shown_id"].map(described)
    judged["first"] = _first_chosen(judged, settings)
    judged["holds"] = judged["first"].where(judged["swapped"], 1 - judged["first"])
    own = judged["persona_shown_id"] == judged["persona_id"]
    blind = judged["persona_shown_id"] == ""
    parts = {"own": own, "swapped": ~own & ~blind, "none": blind}
    halves = {"own_ab": own & ~judged["swapped"], "own_ba": own & judged["swapped"]}
    holds = {group: judged.loc[part, "holds"].mean() for group, part in (parts | halves).items()}
    rows = [("holds", group, value) for group, value in holds.items()]
    rows += [("persona_effect", f"own-{other}", holds["own"] - holds[other]) for other in ("swapped", "none")]
    rows.append(("first_position", "all", judged["first"].mean()))
    rows += [("first_position", group, judged.loc[part, "first"].mean()) for group, part in parts.items()]
    asked = judged["rater_id"].map(lambda alias: model(settings["endpoints"][alias]["model"]).refusal_rate)
    return [*rows, ("refused", "all", asked.mean())]


def _ablation(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    asked = tables["ablation_judgements"].merge(
        tables["pool_items"][["item_id", "answer_a_id", "answer_b_id"]], on="item_id", validate="m:1"
    )
    asked = _askable(asked, tables["pool_answers"]).assign(rater_id=settings["roles"]["judge"])
    asked["description"] = _short_descriptions(asked, tables["personas"])
    asked["first"] = _first_chosen(asked, settings)
    keys = ["attribute", "persona_id", "item_id"]
    wide = asked.pivot(index=keys, columns="arm", values="first").reset_index()
    for name, arm in (("flip_rate", "with"), ("retest_flip_rate", "repeat")):
        wide[name] = wide["without"] * (1 - wide[arm]) + wide[arm] * (1 - wide["without"])
    wide["excess_flip"] = wide["flip_rate"] - wide["retest_flip_rate"]
    groups = {**dict(iter(wide.groupby("attribute"))), "all": wide[wide["attribute"] != PLACEBO]}
    names = ("flip_rate", "retest_flip_rate", "excess_flip")
    return [(name, group, part[name].mean()) for group, part in groups.items() for name in names]


def _pool(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    asked = tables["pool_judgements"].query("repeat == 0 and persona_shown_id != ''")
    asked = asked.merge(tables["pool_items"][["item_id", "answer_a_id", "answer_b_id"]], on="item_id", validate="m:1")
    asked = _askable(asked, tables["pool_answers"])
    asked["description"] = asked["persona_shown_id"].map(tables["personas"].set_index("persona_id")["description"])
    first = _first_chosen(asked, settings)
    asked["b"] = np.where(asked["swapped"], first, 1 - first)
    wide = asked.pivot(index=["persona_shown_id", "item_id"], columns="rater_id", values="b")
    raters = sorted(name for name in wide if name not in settings["endpoints"])
    models = sorted(set(wide) - set(raters))
    sides: dict[str, list[tuple[list[str], list[str]]]] = {name: [([name], raters[:3])] for name in models if raters}
    sides |= {f"{one}|{other}": [([one], [other])] for one, other in combinations(models, 2)}
    sides["rater_rater"] = [([one], [other]) for one, other in combinations(raters, 2)]
    if len(raters) > 3:
        sides["held_out_rater"] = [([one], [other for other in raters if other != one][:3]) for one in raters]
    rows = [("prevalence", name, wide[name].mean()) for name in models]
    rows += [("prevalence", "raters", wide[raters].stack().mean())] if raters else []
    for group, compared in sides.items():
        found = [_agreement(_most(wide, one), _most(wide, other)) for one, other in compared]
        if found:
            rows += [
                (name, group, value)
                for name, value in zip(("raw_agreement", "kappa_content"), np.mean(found, 0), strict=True)
            ]
    return rows


def _most(wide: pd.DataFrame, raters: Sequence[str]) -> pd.Series:
    """Chance that the one rater, or most of three independent ones, choose answer b."""
    if len(raters) < 3:
        return wide[raters[0]]
    x, y, z = (wide[rater] for rater in raters)
    return x * y + x * z + y * z - 2 * x * y * z


def _agreement(x: pd.Series, y: pd.Series) -> tuple[float, float]:
    """Raw agreement and Cohen's kappa of two who choose b independently with these chances, cell by cell.

    Examples
    --------
    >>> _agreement(pd.Series([1.0, 0.0]), pd.Series([1.0, 0.0]))
    (1.0, 1.0)
    """
    both = pd.concat([x, y], axis=1).dropna().to_numpy()
    (mean_x, mean_y), agree = both.mean(axis=0), float(np.mean(both.prod(axis=1) + (1 - both).prod(axis=1)))
    expected = mean_x * mean_y + (1 - mean_x) * (1 - mean_y)
    return agree, float((agree - expected) / (1 - expected))


def _benchmark(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    described = tables["personas"].set_index("persona_id")["description"]
    examiner = model(settings["endpoints"][settings["roles"]["examiner"]]["model"])
    tried = tables["attempts"].query("answer != ''")
    tried = tried.assign(
        chance=[
            accept(described[p], a, examiner) for p, a in zip(tried["critic_persona_id"], tried["answer"], strict=True)
        ]
    )
    is_own = tried["critic_persona_id"] == tried["persona_id"]
    wide = tried[is_own].pivot(index=["item_id", "model", "attempt"], columns="mode", values="chance")
    other = tried[~is_own].set_index(["item_id", "model", "attempt"])["chance"]
    rows = []
    for name, part in {**dict(iter(wide.groupby("model"))), "all": wide}.items():
        modes = [mode for mode in MODES if mode in part]
        rows += [("pass_rate", f"{name}|{mode}", part[mode].mean()) for mode in modes]
        for reference, mode in combinations(modes, 2):
            rows.append(("difference", f"{name}|{mode}-{reference}", (part[mode] - part[reference]).mean()))
    kinds = {"own": wide["output_only"], "other": other, "generic": wide["baseline"]}
    rows += [("calibration", kind, chances.mean()) for kind, chances in kinds.items()]
    rows += [("calibration", f"own-{kind}", (kinds["own"] - kinds[kind]).mean()) for kind in ("other", "generic")]
    return rows


def _dropped(tables: Mapping[str, pd.DataFrame], settings: Mapping) -> list[tuple]:
    examiner = model(settings["endpoints"][settings["roles"]["examiner"]]["model"])
    asked = tables["dropped"][["model", "attribute"]]
    chances = {
        key: _as_extracted(drop_chance(key[1], model(settings["endpoints"][key[0]]["model"])), examiner)
        for key in asked.drop_duplicates().itertuples(index=False, name=None)
    }
    asked = asked.assign(chance=[chances[key] for key in asked.itertuples(index=False, name=None)])
    rows = [("drop_rate", "all", asked["chance"].mean())]
    rows += [("drop_rate", attribute, part["chance"].mean()) for attribute, part in asked.groupby("attribute")]
    return rows + [("drop_rate", f"{name}|{attribute}", chance) for (name, attribute), chance in chances.items()]


def _as_extracted(chance: float, examiner: Model) -> float:
    return chance * (1 - examiner.extractor_error) + (1 - chance) * examiner.extractor_error


def _short_descriptions(asked: pd.DataFrame, personas: pd.DataFrame) -> pd.Series:
    """The lines that each row's judge was shown, less a placebo's, which says nothing."""
    label_of = {attribute: label for label, attribute in labels().items()}
    lines = {
        row.persona_id: {line.partition(":")[0]: line for line in row.description.split("\n")}
        for row in personas.itertuples()
    }
    found = []
    for row in asked.itertuples():
        shown = set(row.shown_attributes.split("|"))
        if row.arm == "with":
            shown.add(row.attribute)
        own = lines[row.persona_id]
        found.append("\n".join(own[label_of[a]] for a in label_of if a in shown))
    return pd.Series(found, index=asked.index, dtype="str")


def _askable(rows: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The rows whose two answers exist, with their texts: where one failed, nothing was asked."""
    texts = answers[answers["status"] == "ok"].set_index("answer_id")["text"]
    rows = rows[rows["answer_a_id"].isin(texts.index) & rows["answer_b_id"].isin(texts.index)]
    return rows.assign(text_a=rows["answer_a_id"].map(texts), text_b=rows["answer_b_id"].map(texts))


def _first_chosen(rows: pd.DataFrame, settings: Mapping) -> np.ndarray:
    """Chance that the answer shown first is chosen, row by row."""
    found = np.empty(len(rows))
    for rater, at in rows.groupby("rater_id").indices.items():
        alias, _, number = rater.rpartition(".") if rater not in settings["endpoints"] else (rater, "", "1")
        who, own = model(settings["endpoints"][alias]["model"]), rows.iloc[at]
        stands = {text: stand(text, who, sample=int(number) - 1) for text in own["description"].unique()}
        read = {text: load_bank().vector(text) for text in pd.unique(own[["text_a", "text_b"]].to_numpy().ravel())}
        (a, words_a), (b, words_b) = (zip(*map(read.get, own[c]), strict=True) for c in ("text_a", "text_b"))
        is_b_first = own["swapped"].to_numpy(dtype=bool)[:, None]
        first, second = np.where(is_b_first, b, a), np.where(is_b_first, a, b)
        more_words = (np.array(words_a) - np.array(words_b)) * np.where(is_b_first[:, 0], -1, 1)
        positions = np.array([stands[text] for text in own["description"]])
        found[at] = load().chance_first(positions, first, second, who, more_words=more_words)
    return found
