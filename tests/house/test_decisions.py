"""The decisions register: each decision is tied to what carries it out, what tests it and where it is shown."""

import ast
import re
from functools import cache
from importlib import import_module

import pandas as pd
import pytest
import yaml
from programs import ROOT

COLUMNS = ["decision_id", "topic", "paper", "decision", "why"]
PLACES = ["shown_in", "carried_out_by", "tested_by"]
DONE, NOT_YET = "done", "not yet"
SHOWN = {"notebook": "notebooks/{}_*.ipynb", "Figure": "figures/expected/demo/figure_{}.png"}


def register() -> pd.DataFrame:
    return pd.read_csv(ROOT / "data/reference/decisions.csv", dtype=str, keep_default_na=False)


def listed(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


@cache
def names_of_tests(path: str) -> set[str]:
    """The tests of a file as pytest names them after the file, `test_x` or `TestX::test_x`."""
    found = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return {name for name in found if name.split("::")[-1].startswith("test_")}


@cache
def schema() -> dict:
    return yaml.safe_load((ROOT / "config/schema.yaml").read_text("utf-8"))


def is_key(dotted: str) -> bool:
    """Whether config/schema.yaml has the key; `*` stands for any name where names are free."""
    node = schema()
    for part in dotted.split("."):
        node = node.get("additionalProperties") if part == "*" else node.get("properties", {}).get(part)
        if not isinstance(node, dict):
            return False
    return True


def is_named(dotted: str) -> bool:
    """Whether a function, class, method or constant of the library has this name."""
    parts = dotted.split(".")
    for n in range(len(parts), 1, -1):
        try:
            found = import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part, None)
        return n < len(parts) and found is not None
    return False


def carries(item: str) -> bool:
    """Whether what carries a decision out exists: a name of the library, a key of the configuration, a file of data."""
    if item.startswith("config: "):
        return is_key(item.removeprefix("config: "))
    if item.startswith("data/"):
        return (ROOT / item).is_file()
    return item.startswith("persona_lib.") and is_named(item)


def is_tested(item: str) -> bool:
    path, _, name = item.partition("::")
    return (
        bool(re.fullmatch(r"tests/(\w+/)?test_\w+\.py", path))
        and (ROOT / path).is_file()
        and name in names_of_tests(path)
    )


def is_shown(item: str) -> bool:
    kind, _, number = item.partition(" ")
    if kind not in SHOWN or not re.fullmatch(r"\d{1,2}", number):
        return False
    return len(list(ROOT.glob(SHOWN[kind].format(f"{int(number):02d}")))) == 1


CHECKS = {"shown_in": is_shown, "carried_out_by": carries, "tested_by": is_tested}


def problems(row: dict) -> list[str]:
    """What is wrong with one row of the register; nothing where all is tied."""
    found = [f"{name} is empty" for name in COLUMNS if not row[name].strip()]
    if row["status"] == NOT_YET:
        found += [f"{name} is filled, yet it is not done" for name in PLACES if row[name]]
        if not re.search(r"\bwith the \w+ work\b", row["decision"]):
            found.append("does not say with which work it comes")
    elif row["status"] == DONE:
        found += [f"{name} is empty" for name in PLACES if not listed(row[name])]
        found += [f"{name}: no {item}" for name in PLACES for item in listed(row[name]) if not CHECKS[name](item)]
    else:
        found.append(f"status {row['status']!r} is neither {DONE} nor {NOT_YET}")
    return found


def test_the_register_has_its_columns_and_numbers_in_order():
    rows = register()
    assert list(rows) == [*COLUMNS, *PLACES, "status"]
    assert rows["decision_id"].tolist() == [f"{i:02d}" for i in range(1, len(rows) + 1)]
    assert len(rows) > 22, "the 22 decisions on what the paper leaves open, and our departures from it"
    assert not rows["topic"].duplicated().any()


@pytest.mark.parametrize("row", register().to_dict("records"), ids=lambda row: row["decision_id"])
def test_each_decision_is_tied_to_the_place_that_carries_it_out(row):
    assert problems(row) == []


def test_claims_refer_to_decisions_that_are_there():
    notes = " ".join(pd.read_csv(ROOT / "data/reference/claims.csv", keep_default_na=False)["note"])
    referred = {
        f"{int(n):02d}" for said in re.findall(r"decisions? ([\d, and]+)", notes) for n in re.findall(r"\d+", said)
    }
    assert len(referred) > 20 and referred <= set(register()["decision_id"])


def test_who_writes_does_not_judge_by_default():
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text("utf-8"))
    model = {role: demo["endpoints"][demo["roles"][role]]["model"] for role in ("answerer", "critic", "reviser")}
    assert demo["endpoints"][demo["roles"]["judge"]]["model"] not in model.values()


WHOLE = {
    "decision_id": "01",
    "topic": "Roles",
    "paper": "not said",
    "decision": "separate entries",
    "why": "bias",
    "shown_in": "notebook 05; Figure 4",
    "carried_out_by": "persona_lib.stages.feedback.create; config: roles.judge; config: endpoints.*.parameters; "
    "data/templates/judge.yaml; persona_lib.messages.request.Request.hash",
    "tested_by": "tests/house/test_decisions.py::test_a_broken_row_is_seen",
    "status": DONE,
}
LATER = WHOLE | dict.fromkeys(PLACES, "") | {"status": NOT_YET, "decision": "comes with the measuring work"}


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (WHOLE, {"carried_out_by": "persona_lib.stages.feedback.no_such_function"}),
        (WHOLE, {"carried_out_by": "persona_lib.no_such_package.create"}),
        (WHOLE, {"carried_out_by": "persona_lib.stages.feedback"}),
        (WHOLE, {"carried_out_by": "os.path.join"}),
        (WHOLE, {"carried_out_by": "config: roles.nobody"}),
        (WHOLE, {"carried_out_by": "config: endpoints.*.no_such_key"}),
        (WHOLE, {"carried_out_by": "data/templates/no_such_file.yaml"}),
        (WHOLE, {"carried_out_by": ""}),
        (WHOLE, {"tested_by": "tests/house/test_decisions.py::test_that_nobody_wrote"}),
        (WHOLE, {"tested_by": "tests/house/test_that_is_no_file.py::test_x"}),
        (WHOLE, {"tested_by": "tests/house/test_decisions.py::problems"}),
        (WHOLE, {"tested_by": ""}),
        (WHOLE, {"shown_in": "notebook 99"}),
        (WHOLE, {"shown_in": "Figure 99"}),
        (WHOLE, {"shown_in": "table 1"}),
        (WHOLE, {"shown_in": ""}),
        (WHOLE, {"status": "nearly"}),
        (WHOLE, {"why": ""}),
        (LATER, {"carried_out_by": "config: roles.judge"}),
        (LATER, {"decision": "some day"}),
    ],
)
def test_a_broken_row_is_seen(row, changes):
    assert problems(row) == []
    assert len(problems(row | changes)) == 1
