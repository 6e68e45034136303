"""The superpopulation of a run: the persons, questions and short personas that its own steps could have drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from persona_lib.messages.ask import Roles
from persona_lib.messages.endpoint import Endpoint, read_endpoints
from persona_lib.sampling import population
from persona_lib.stages import ablation
from persona_lib.stages.personas import write_fields
from persona_lib.synthesis import personas
from persona_lib.tables import groups, streams

N_SHORT = 200  # short personas per attribute
LEAST, TIMES = 1200, 3  # persons: so many, or so many times the run's own

Told = Callable[[pd.DataFrame], pd.DataFrame]


def superpopulation(tables: Mapping[str, pd.DataFrame], settings: Mapping, *, told: Told) -> dict[str, pd.DataFrame]:
    """Random samples of what the run's own persons, questions and short personas are samples of.

    Persons are drawn from the census with fresh numbers, completed and held to the rules as the run's were. The model
    filter of the simulated world rejects whom it rejects by chance, so it is left out. At least 1,200 are
    drawn, and three times as many as the run has personas.

    Parameters
    ----------
    tables : census, chain, norms, the trait lists, and prompts and pool_items of the run
    settings : of the run: seed, roles, endpoints, population, personas, ablation
    told : requests (endpoint: model; template, slots) to replies, for the fields that a model writes

    Returns
    -------
    persons (persona_id, description), prompts (the kept ones), groups (persona_id, attribute, value), ablation
    (attribute, persona_id, shown_attributes, and the descriptions without and with); in random order.
    """
    seed = int(streams.generator(settings["seed"], "declared").integers(2**31))
    persons = _persons(tables, settings, seed=seed, told=told)
    short = dict(settings["ablation"]) | {"n_personas": min(N_SHORT, len(persons)), "n_questions": 1}
    plan = ablation.plan_ablation(tables["pool_items"], persons, **short, seed=seed)
    kept = tables["prompts"].query("is_kept")
    order = streams.generator(seed, "declared.prompts").permutation(len(kept))
    return {
        "persons": persons[["persona_id", "description"]],
        "prompts": kept.iloc[order][["prompt_id", "text"]],
        "groups": groups.persona_groups(persons)[["persona_id", "attribute", "value"]],
        "ablation": plan[["attribute", "persona_id", "shown_attributes", "without", "with"]],
    }


def _persons(tables: Mapping[str, pd.DataFrame], settings: Mapping, *, seed: int, told: Told) -> pd.DataFrame:
    sizes = dict(settings["population"]) | {"n_draws": max(LEAST, TIMES * settings["personas"]["n"])}
    drawn = population.draw(tables["census"], seed=seed, **sizes)
    completed = personas.complete(
        drawn,
        tables["census"],
        tables["chain"],
        tables["norms"],
        {name: tables[name] for name, _ in personas.LISTS.values()},
        big_five=settings["personas"]["big_five"],
        seed=seed,
    )
    passed = personas.apply_rules(completed)
    ask = _Asked(settings, told) if settings["personas"]["model_stage"] else None
    written = write_fields(passed[passed["rule_id"] == ""], ask=ask)
    return written.assign(
        persona_id=[f"d{number:06d}" for number in range(len(written))], description=personas.describe(written)
    )


class _Asked:
    """Requests by role, told by the models of the roles."""

    by_batch: bool = False

    def __init__(self, settings: Mapping, told: Told) -> None:
        self.roles: Roles = settings["roles"]
        self.endpoints: Mapping[str, Endpoint] = read_endpoints(settings["endpoints"])
        self._told = told

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        models = {alias: endpoint.model for alias, endpoint in self.endpoints.items()}
        return self._told(requests.assign(endpoint=requests["endpoint"].map(models)))
