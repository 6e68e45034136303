"""The personas as a folder that Hugging Face `datasets` loads: Parquet files, and a card that says what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from persona_lib.exporting.croissant import croissant
from persona_lib.showing.belief_cells import card_section
from persona_lib.tables.files import whole
from persona_lib.tables.schema import SchemaError, tables
from persona_lib.tables.values import UNFLAGGED

SPLITS = {"train": "train", "heldout_persona": "test"}  # persona_split: split of the dataset
FEATURES = {"text": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
ABOUT = "Imaginary residents of the United States, each drawn from a census record, and what they prefer."
SAMPLE = "census_sample.csv.gz"
SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}


def write_dataset(
    personas: pd.DataFrame,
    provenance: pd.DataFrame,
    weights: pd.DataFrame,
    folder: str | Path,
    *,
    cells: pd.DataFrame,
    files: list[str],
    big_five: str,
    simulated: bool,
    preferences: Sequence[dict] = (),
) -> Path:
    """Write a dataset folder: README.md (the card), croissant.json, personas/ and provenance/, by split of the persona.

    The test split holds the personas held out. Files appear whole or not at all.

    Parameters
    ----------
    personas, provenance, weights : the tables personas, provenance and persona_weights of one run
    folder : made where it does not exist
    cells : data/reference/chain_cells.csv, beliefs beside surveys left out
    files : the census files that the run read; the card names them without their folders
    big_five : arm of the Big Five scores
    simulated : whether the model that would write and filter is the simulator; said only where it did
    preferences : what `preferences.write_preferences` wrote into the same folder and returned, if it did

    Returns
    -------
    The path of the card.

    Raises
    ------
    SchemaError
        The three tables are not about the same personas.
    """
    ids = set(personas["persona_id"])
    for name, table in (("provenance", provenance), ("persona_weights", weights)):
        if set(table["persona_id"]) != ids:
            raise SchemaError(f"{name} and personas are about different personas; export the tables of one run")
    simulated = simulated and (bool((provenance["origin"] == "written").any()) or bool(preferences))
    split = personas.set_index("persona_id")["persona_split"].map(SPLITS)
    configs = {"personas": personas.merge(weights, on="persona_id", validate="1:1"), "provenance": provenance}
    folder, info = Path(folder), []
    for config, table in configs.items():
        features = _features(config)
        table = table[list(features)].sort_values(list(tables()[config].key), kind="stable")
        sizes = []
        for name in SPLITS.values():
            rows = table[table["persona_id"].map(split) == name]
            written = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
            with whole(folder / config / f"{name}.parquet") as half:
                pq.write_table(written, half)
            sizes.append({"name": name, "num_bytes": written.nbytes, "num_examples": len(rows)})
        listed = [{"name": column, "dtype": dtype} for column, dtype in features.items()]
        info.append({"config_name": config, "features": listed, "splits": sizes})
    info += preferences
    text = _card(personas, provenance, info, cells=cells, files=files, big_five=big_five, simulated=simulated)
    described = croissant(folder, info, name="personas-grounded-in-a-census", about=ABOUT)
    with whole(folder / "croissant.json") as half:
        half.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", "utf-8")
    with whole(folder / "README.md") as half:
        half.write_text(text, "utf-8")
    return folder / "README.md"


def _features(config: str) -> dict[str, str]:
    """Column: type, as the card and the Parquet files have it."""
    declared = tables()[config]
    ordered = dict.fromkeys(declared.key) | declared.columns
    found = {name: FEATURES[declared.columns[name].type] for name in ordered}
    return found | ({"weight": "float64"} if config == "personas" else {})


def _card(personas, provenance, info, *, cells, files, big_five, simulated) -> str:
    """The card: YAML that programs read, then what a person should know."""
    n_rows = max([len(personas), *(sum(s["num_examples"] for s in config["splits"]) for config in info[2:])])
    size = next((word for limit, word in SIZES.items() if n_rows < limit), "100K<n<1M")
    head = {
        "pretty_name": "Personas grounded in a census" + (" (simulated writer)" if simulated else ""),
        "license": "apache-2.0",
        "language": ["en"],
        "size_categories": [size],
        "tags": ["persona", "census", "synthetic", *(["simulated"] if simulated else [])],
        "configs": [
            {
                "config_name": config["config_name"],
                **({"default": True} if config["config_name"] == "personas" else {}),
                "data_files": [
                    {"split": each["name"], "path": f"{config['config_name']}/{each['name']}.parquet"}
                    for each in config["splits"]
                ],
            }
            for config in info
        ],
        "dataset_info": info,
    }
    yaml_text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)
    origins = provenance["origin"].value_counts()
    who = "our simulator, not a language model" if simulated else "a language model"
    is_asked = "written" in origins
    model = f"{who}; it also judged consistency" if is_asked else "nobody: the model stage was left out"
    count = personas["persona_split"].value_counts()
    fields = "\n".join(
        f"| `{name}` | {_origin(name, provenance)} | {column.unit} | {column.about} |"
        for name, column in tables()["personas"].columns.items()
    )
    return f"""---
{yaml_text}---

# Personas grounded in a census

{len(personas):,} descriptions of imaginary residents of the United States: {count.get("train", 0):,} in `train`,
{count.get("heldout_persona", 0):,} in `test` (personas held out). Each was drawn from one record of a census file with
probability proportional to its person weight and completed by fields that no census asks. Made by the compendium that
rebuilds *PERSONA: A Reproducible Testbed for Pluralistic Alignment* (arXiv 2407.17387); it is not that paper's data.

    from datasets import load_dataset
    personas = load_dataset("path/to/this/folder")                    # train and test
    provenance = load_dataset("path/to/this/folder", "provenance")    # where every field comes from

## Where the fields come from

- census files read: {", ".join(_named(Path(file).name) for file in files)}
- Big Five arm: {big_five}
- written by: {model}

| origin | fields | meaning |
|---|---|---|
| observed | {origins.get("observed", 0):,} | the value of one record of the census file, never rewritten |
| allocated | {origins.get("allocated", 0):,} | in the record, filled in by the Census Bureau for want of an answer |
| derived | {origins.get("derived", 0):,} | worked out from the record or from the other fields |
| imputed | {origins.get("imputed", 0):,} | drawn from a fitted model; `score` is the probability of what was drawn |
| listed | {origins.get("listed", 0):,} | drawn from hand-made lists, whoever the person is |
| written | {origins.get("written", 0):,} | written by a model that read the other fields |

{_flags(provenance)}

`provenance` has one row per persona and field. `weight` undoes the selection by the consistency filter: it weighs
the personas back to the draws' shares of sex, age group, race, education, work, living and faith, as far as weights
can.

{card_section(cells)}
{_preferences(info[2:], simulated)}## What it must not be used for

- To say what people of a group think: religion, ideology and party are drawn from a model of three surveys that do not
  agree with each other, quirks and tastes from lists that know nothing of the person.
- In place of people, or as evidence about a real person: nobody described here exists.
- To decide about anybody, or to profile or target people.
- To find out whom a census record belongs to. Where files other than the shipped sample were read, the observed fields
  are those of real public-use records, and the terms of the census bureau forbid it.
{_warning(simulated)}
## Columns

| column | origin | unit | what |
|---|---|---|---|
{fields}
| `weight` | derived | | mean 1; see above |

## Licence

Apache-2.0. Census public-use files are works of the U.S. government; published survey shares are facts.
"""


def _preferences(info: Sequence[dict], simulated: bool) -> str:
    """What the pairs are and what they are for; nothing where there are none."""
    if not info:
        return ""
    by_name = {config["config_name"]: config["splits"] for config in info}
    rows = "\n".join(f"| `{each['name']}` | {each['num_examples']:,} |" for each in by_name["pairs"])
    who = "our simulator" if simulated else "a language model"
    return f"""## Preference pairs

    pairs = load_dataset("path/to/this/folder", "pairs")                    # prompt, chosen, rejected as text
    conversations = load_dataset("path/to/this/folder", "conversations")    # the same as messages
    judgements = load_dataset("path/to/this/folder", "judgements")          # a judge's choices on some of the pairs

`rejected` is an answer without a persona, `chosen` its revision for the persona, both by {who}. In `conversations` the
persona's description is the system's message. Both have the columns that TRL's `DPOTrainer` reads.

| split | pairs |
|---|---|
{rows}

`train` is leak-free: train pairs of train personas, and no other split holds a persona-prompt pair of it. Other splits
say who and what is held out: `train_heldout_pair` (known persona, seen prompt), `train_heldout_prompt` (known persona,
unseen prompt), and `heldout_persona_...` (personas nobody trained on). `heldout_persona_train` is on train prompts, for
models that read a few pairs of a new person; who tests on held-out personas must not train on it.

Intended use: training and testing models that answer to one person's taste. A revision is nearly always shorter than
its answer, so a model can tell `chosen` from `rejected` by its length: high accuracy alone shows no grasp of anybody's
taste. Compare a persona's revision with another persona's.

"""


def _flags(provenance: pd.DataFrame) -> str:
    """Whether the files say which values were allocated, and what else the observed values are not."""
    lacking = sorted(provenance.loc[provenance["source"].str.endswith(UNFLAGGED), "field"].unique())
    said = "The files say by allocation flags which values the Census Bureau filled in"
    if lacking:
        said += (
            f", but not of {', '.join(f'`{field}`' for field in lacking)}: there a filled-in value counts as observed"
        )
    return f"{said}. Incomes are sums of rounded and top-coded amounts; the oldest of a state share one age."


def _named(file: str) -> str:
    return f"`{file}`" + (" (the shipped synthetic sample: its rows are no real persons)" if file == SAMPLE else "")


def _origin(name: str, provenance: pd.DataFrame) -> str:
    return ", ".join(sorted(provenance.loc[provenance["field"] == name, "origin"].unique())) or "identifier"


def _warning(simulated: bool) -> str:
    return "- To compare with the paper's numbers: the writer and the filter were simulated.\n" if simulated else ""
