"""A small hand-made census, a model that answers at once, and the personas that come of them; for the tests."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from persona_lib.messages.endpoint import Endpoint
from persona_lib.stages.personas import check_consistency, write_fields
from persona_lib.synthesis import personas
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE

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
    "household_derived": "",
    "allocated": "",
    "unflagged": "household_language+household_type+family_presence",
}
IMPUTED = {"religion": "Catholic", "big_five": "average extraversion, average conscientiousness", "needs": ""}


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


@cache
def inputs():
    """The shipped chain, norms and lists."""
    names = {"quirks": "quirks", "mannerisms": "mannerisms", "lifestyles": "lifestyle", "core_values": "core_values"}
    lists = {name: reference(f"traits_{file}") for name, file in (names | {"personal_time": "personal_time"}).items()}
    return SimpleNamespace(chain=reference("chain_coefficients"), norms=reference("big_five_norms"), lists=lists)


def complete(drawn, people, *, lists=None, big_five="correlated", seed=1):
    """`personas.complete` with the shipped reference files."""
    given = inputs()
    lists = given.lists if lists is None else lists
    return personas.complete(drawn, people, given.chain, given.norms, lists, big_five=big_five, seed=seed)


@cache
def _ruled(n, seed):
    return personas.apply_rules(complete(draws(n), census(), seed=seed))


def candidates(n=40, seed=1):
    """Completed draws of the small census with the rule that each breaks; made once, handed out as copies."""
    return _ruled(n, seed).copy()


class Asked:
    """A fake `ask`: answers by a function of (template, persona text), remembers what it was asked."""

    roles = {"writer": "large", "filter": "medium"}
    endpoints = {alias: Endpoint(alias, f"sim-{alias}") for alias in ("large", "medium")}
    simulated, by_batch = True, False

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


def run(*, answer=None, asked=True, n=10, n_train=6, n_draws=40, seed=1):
    """Personas, candidates and provenance of the small census; `asked` False leaves the model stage out."""
    ask = Asked(answer) if asked else None
    written = write_fields(candidates(n_draws, seed=seed), ask=ask)
    verdicts = check_consistency(written, ask=ask)
    return personas.accept(written, verdicts, n=n, n_train=n_train, seed=seed)
