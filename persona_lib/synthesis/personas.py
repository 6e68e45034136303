"""Candidates become personas: fields are completed, rules and a model filter, and every field keeps its provenance.

A model never rewrites a census value: its words go to `personal_time` alone. The model stage can be left out:
`personal_time` then says what was drawn from a list, and the rules alone decide.
"""

from __future__ import annotations

import pandas as pd

from persona_lib.synthesis import beliefs, rules, traits
from persona_lib.synthesis.selection import NO_VERDICT
from persona_lib.tables import streams
from persona_lib.tables.descriptions import describe, is_unknown
from persona_lib.tables.schema import SchemaError, attributes, tables
from persona_lib.tables.values import BIG_FIVE, FILLED_IN, UNFLAGGED

# Census columns that candidates carry for rules and provenance; no persona attribute.
CONTEXT = (
    *("survey_year", "household_derived", "allocated", "unflagged"),
    *("is_group_quarters", "relationship", "nativity", "hispanic_origin"),
)
LISTS = {  # field: (list, entries drawn)
    "defining_quirks": ("quirks", 2),
    "mannerisms": ("mannerisms", 2),
    "lifestyle": ("lifestyles", 1),
    "core_values": ("core_values", 3),
    "pastimes": ("personal_time", 2),  # no field of a persona: what the writer makes `personal_time` of
}
BIG_FIVE_SOURCES = {
    "correlated": "big_five_norms.csv: drawn, correlated normal given age and sex",
    "uniform": "drawn: independent, every word equally likely",
}
NOT_SAID = "the file does not say"  # why an observed field is unknown
LISTED = "listed"  # the written_status of a candidate that no model was asked about


def observed_fields() -> list[str]:
    """The persona columns that the census says: state and the observed attributes."""
    return ["state", *attributes().query("origin == 'observed'")["attribute"]]


def complete(
    draws: pd.DataFrame,
    census: pd.DataFrame,
    chain: pd.DataFrame,
    norms: pd.DataFrame,
    lists: dict[str, pd.DataFrame],
    *,
    big_five: str,
    seed: int,
) -> pd.DataFrame:
    """Every draw as a candidate: its census fields and all imputed and listed fields; only `personal_time` lacks.

    Drawing more persons moves none of those before: row k depends on the seed and on draws 0 to k.

    Parameters
    ----------
    draws, census : the tables of these names
    chain, norms : data/reference/chain_coefficients.csv and big_five_norms.csv
    lists : the trait lists by name: quirks, mannerisms, lifestyles, core_values, personal_time
    big_five : arm of the Big Five scores, see `traits.draw_big_five`

    Returns
    -------
    One row per draw, in order: draw, person_id, the persona's fields, the census columns `CONTEXT`,
    `<field>_probability` of the chain, `pastimes`, `needs` (what the listed traits presume) and `big_five_arm`.

    Raises
    ------
    SchemaError
        A draw of a person that the census lacks; a census label that no survey category covers.
    """
    met = _records(census, draws["person_id"], ["person_id", *observed_fields(), *CONTEXT])
    lost = draws.loc[~draws["person_id"].isin(met["person_id"]), "person_id"]
    if len(lost):
        raise SchemaError(f"draws: person_id {lost.iloc[0]} is not in the census; draw again from this census")
    people = draws.sort_values("draw").merge(met, on="person_id", how="left", validate="m:1")
    drawn = [
        beliefs.draw_chain(people, chain, seed=seed),
        traits.draw_big_five(people, norms, arm=big_five, seed=seed),
    ]
    needs = pd.Series("", index=people.index, dtype="str")
    for field, (name, n) in LISTS.items():
        if name not in lists:
            raise SchemaError(f"trait lists: {name} is missing; {field} is drawn from it")
        listed = traits.draw_listed(people, lists[name], name, n=n, seed=seed)
        drawn.append(listed[["text"]].rename(columns={"text": field}))
        needs = needs + "+" + listed["needs"]
    return pd.concat([people, *drawn], axis=1).assign(needs=needs.str.strip("+"), big_five_arm=big_five)


def _records(census: pd.DataFrame, person_id: pd.Series, columns: list[str]) -> pd.DataFrame:
    """Some columns of the census records of these persons alone, text as text where the census has categories."""
    met = census.loc[census["person_id"].isin(person_id), columns]
    return met.astype(dict.fromkeys(met.select_dtypes("category"), "str"))


def apply_rules(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates with `rule_id` and `reason` of the first rule that each breaks, '' where none (see `rules`)."""
    return candidates.assign(**rules.first_broken(candidates))


def accept(
    candidates: pd.DataFrame, verdicts: pd.DataFrame, *, n: int, n_train: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The first `n` consistent draws, in order, as personas p0001, p0002, ...

    A draw without a verdict (its writer or filter call failed, was refused or unparsed) is not
    accepted and not rejected: it is counted as `no_verdict` with the reason.

    Parameters
    ----------
    candidates : rows of `stages.personas.write_fields`
    verdicts : rows of `stages.personas.check_consistency`
    n, n_train : personas wanted, and how many of them, at random, are of `persona_split` train (see `split`)

    Returns
    -------
    The tables personas, candidates and provenance.

    Raises
    ------
    ValueError
        Fewer than `n` consistent draws, `n_train` above `n`, or no split of that size.
    """
    if not 0 <= n_train <= n:
        raise ValueError(f"personas: n_train = {n_train} must be between 0 and n = {n}")
    table = _judged(candidates.sort_values("draw"), verdicts)
    order = table["is_consistent"].cumsum()
    if order.iloc[-1] < n:
        counts = table.loc[~table["is_consistent"], "rule_id"]
        n_model, n_lost = int((counts == "model").sum()), int((counts == NO_VERDICT).sum())
        todo = "raise population.n_draws"
        if 2 * n_lost > len(table):
            todo = "set other models as roles.writer and roles.filter, or leave them out by personas.model_stage: false"
        raise ValueError(
            f"personas: {order.iloc[-1]} of {len(table)} draws are consistent, but personas.n is {n} "
            f"(rules removed {len(counts) - n_model - n_lost}, the model {n_model}, without a verdict {n_lost}); {todo}"
        )
    is_accepted = table["is_consistent"] & (order <= n)
    stage = table["stage"].mask(is_accepted, "accepted")
    chosen = candidates.loc[table.index[is_accepted]]
    chosen = chosen.assign(
        persona_id=[f"p{number:04d}" for number in range(1, n + 1)],
        persona_split=split(chosen["person_id"], n_train=n_train, seed=seed),
        description=describe(chosen),
    )
    provenance = _provenance(chosen)
    personas = chosen[list(tables()["personas"].columns)].reset_index(drop=True)
    return personas, table.assign(stage=stage).reset_index(drop=True), provenance


def split(person_id: pd.Series, *, n_train: int, seed: int) -> pd.Series:
    """Which personas are held out, at random; personas of one person record, drawn more than once, stay together.

    The records stand in the random order of their first persona; each goes into train while it fits into what is
    left of it.

    Parameters
    ----------
    person_id : one per persona
    n_train : how many of them are train, exactly

    Returns
    -------
    train or heldout_persona, same index.

    Raises
    ------
    ValueError
        The records, taken whole, do not add up to `n_train`.

    Examples
    --------
    >>> split(pd.Series(["a", "b", "a"]), n_train=1, seed=1).tolist()
    ['heldout_persona', 'train', 'heldout_persona']
    """
    rank = pd.Series(streams.generator(seed, "personas.persona_split").permutation(len(person_id)))
    records = rank.groupby(person_id.to_numpy()).agg(["min", "size"]).sort_values("min")
    left, train = n_train, []
    for record, size in records["size"].items():
        if size <= left:
            train.append(record)
            left -= size
    if left:
        raise ValueError(
            f"personas: {n_train} personas cannot be train without parting personas of one census record "
            f"({left} too few); change personas.n_train"
        )
    return person_id.isin(train).map({True: "train", False: "heldout_persona"})


def _judged(candidates: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The table `candidates` before anyone is accepted: consistent draws stand as surplus."""
    said = verdicts.set_index("draw").reindex(candidates["draw"]).set_axis(candidates.index)
    passed = candidates["rule_id"] == ""
    no_text = passed & ~candidates["written_status"].isin(["ok", LISTED])
    no_word = passed & (candidates["written_status"] == "ok") & said["is_consistent"].isna()
    rejected = passed & ~no_text & ~said["is_consistent"].fillna(True)
    is_consistent = passed & ~no_text & ~no_word & ~rejected
    said = said[["status", "detail", "reason"]].astype("str").fillna("")
    reason = candidates["reason"].mask(rejected, said["reason"])
    reason = reason.mask(no_text, "writer " + candidates["written_status"] + ": " + candidates["written_detail"])
    reason = reason.mask(no_word, "filter " + said["status"] + ": " + said["detail"])
    return pd.DataFrame(
        {
            "draw": candidates["draw"],
            "person_id": candidates["person_id"],
            "is_consistent": is_consistent.astype(bool),
            "stage": pd.Series("model", index=candidates.index).mask(~passed, "rule").mask(is_consistent, "surplus"),
            "rule_id": candidates["rule_id"].mask(rejected, "model").mask(no_text | no_word, NO_VERDICT),
            "reason": reason,
        }
    )


def _provenance(chosen: pd.DataFrame) -> pd.DataFrame:
    """One row per persona and field: where the value comes from, and the chain's probability of it."""
    declared = tables()["personas"].columns
    parts = []
    census = "record of " + chosen["survey_year"].astype("str") + " in the census file: "
    for field in observed_fields():
        unknown = is_unknown(chosen, field)
        derived = _is_named(chosen["household_derived"], field)
        allocated = _is_named(chosen["allocated"], field) & ~derived & ~unknown
        unflagged = _is_named(chosen["unflagged"], field) & ~derived
        origin = pd.Series("observed", index=chosen.index).mask(allocated, "allocated").mask(derived, "derived")
        source = census + declared[field].about
        source = source.mask(allocated, source + FILLED_IN).mask(unflagged, source + UNFLAGGED)
        parts.append(_rows(chosen, field, origin, source.mask(unknown, census + NOT_SAID)))
    for field in beliefs.CHAIN:
        model = f"chain_coefficients.csv: {declared[field].about}"
        parts.append(_rows(chosen, field, "imputed", model, score=chosen[f"{field}_probability"]))
    for field in ("big_five", *BIG_FIVE):
        parts.append(_rows(chosen, field, "imputed", chosen["big_five_arm"].map(BIG_FIVE_SOURCES)))
    of_list = {
        field: f"list of {name}: {n} drawn, of different categories, whoever the person is"
        for field, (name, n) in LISTS.items()
    }
    parts += [_rows(chosen, field, "listed", of_list[field]) for field in LISTS if field in declared]
    is_listed = chosen["written_status"] == LISTED
    source = ("request " + chosen["written_hash"]).mask(is_listed, of_list["pastimes"])
    parts.append(_rows(chosen, "personal_time", is_listed.map({True: "listed", False: "written"}), source))
    parts.append(_rows(chosen, "description", "derived", "the lines of all attributes"))
    return pd.concat(parts, ignore_index=True).sort_values(["persona_id", "field"], ignore_index=True)


def _is_named(names: pd.Series, field: str) -> pd.Series:
    """Where `field` is among names joined by '+'."""
    return ("+" + names.astype("str") + "+").str.contains(f"+{field}+", regex=False)


def _rows(chosen: pd.DataFrame, field: str, origin, source, *, score=float("nan")) -> pd.DataFrame:
    return pd.DataFrame(
        {"persona_id": chosen["persona_id"], "field": field, "origin": origin, "source": source, "score": score}
    )


def check_observed(personas: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """Return `personas` if every observed field is the census value, else name the first that is not.

    Raises
    ------
    SchemaError
        A persona without a census record, or with a changed field.
    """
    fields = observed_fields()
    met = _records(census, personas["person_id"], ["person_id", *fields])
    if lost := sorted(set(personas["person_id"]) - set(met["person_id"])):
        raise SchemaError(f"personas: person_id {lost[0]} is not in the census")
    record = met.set_index("person_id").loc[personas["person_id"], fields].set_axis(personas.index)
    is_same = (personas[fields] == record) | (personas[fields].isna() & record.isna())
    if not is_same.all(axis=None):
        row = personas.index[~is_same.all(axis=1)][0]
        field = is_same.columns[~is_same.loc[row]][0]
        raise SchemaError(
            f"personas: {personas.loc[row, 'persona_id']}.{field} is {personas.loc[row, field]!r}, "
            f"but the census says {record.loc[row, field]!r}; observed fields are never rewritten"
        )
    return personas
