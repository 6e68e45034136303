"""The preference pairs and judgements in the formats that trainers read, written row group by row group.

`pairs` has the prompt, the chosen and the rejected answer as text (the preference format of TRL's DPO); `conversations`
the same as messages, the persona's description as the system's. Splits say both who and what is held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from persona_lib.tables.files import whole
from persona_lib.tables.schema import SchemaError, tables

N_ROWS = 10_000  # of a row group; no more are held at once
LEAK_FREE = "train"  # the only split to train on for a test on any other
TEXT = pa.string()
MESSAGES = pa.list_(pa.struct([("role", TEXT), ("content", TEXT)]))
IDS = ["pair_id", "persona_id", "prompt_id", "persona_split", "pair_split", "template"]
PAIRS = pa.schema([(name, TEXT) for name in ("prompt", "chosen", "rejected", *IDS)])
CONVERSATIONS = pa.schema([(name, MESSAGES) for name in ("prompt", "chosen", "rejected")] + [(n, TEXT) for n in IDS])
NEEDED = [*IDS, "chosen_answer_id", "rejected_answer_id", "status"]
KINDS = {"text": TEXT, "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


def split_name(persona_split: pd.Series, pair_split: pd.Series) -> pd.Series:
    """The split of each pair, by persona and by pair: train is a train pair of a train persona.

    Examples
    --------
    >>> split_name(pd.Series(["train", "heldout_persona"]), pd.Series(["train", "heldout_prompt"])).tolist()
    ['train', 'heldout_persona_heldout_prompt']
    """
    both = persona_split.astype("str") + "_" + pair_split.astype("str")
    return both.replace({"train_train": LEAK_FREE})


def write_preferences(
    folder: str | Path,
    *,
    pairs: str | Path,
    answers: str | Path,
    judgements: str | Path,
    prompts: pd.DataFrame,
    personas: pd.DataFrame,
) -> list[dict]:
    """Write pairs/, conversations/ and judgements/, one Parquet file a split, and return what the card says of each.

    Only pairs with status ok are written; of judgements all, by the split of the judged pair. A split without a row has
    no file. Of the answers the texts are held in memory, of the pairs one row group.

    Parameters
    ----------
    folder : made where it does not exist
    pairs, answers, judgements : files of these tables, read in parts
    prompts, personas : the tables

    Returns
    -------
    One dict a config: config_name, features (name, type), splits (name, num_bytes, num_examples).

    Raises
    ------
    SchemaError
        A pair of an answer, prompt or persona that its table does not hold.
    """
    texts = _texts(answers)
    told = prompts.set_index("prompt_id")["text"], personas.set_index("persona_id")["description"]
    split_of: dict[str, str] = {}
    with ExitStack() as stack:
        plain = Splits(stack, Path(folder) / "pairs", PAIRS)
        spoken = Splits(stack, Path(folder) / "conversations", CONVERSATIONS)
        for part in _parts(pairs, NEEDED):
            split = split_name(part["persona_split"], part["pair_split"])
            split_of |= dict(zip(part["pair_id"], split, strict=True))
            usable = part[part["status"] == "ok"]
            for name, rows in usable.groupby(split[usable.index], sort=True):
                table = _preferences(rows, texts, *told)
                plain.write(str(name), table.drop("description"))
                spoken.write(str(name), _conversations(table))
    with ExitStack() as stack:
        columns = tables()["judgements"].columns
        chosen = Splits(stack, Path(folder) / "judgements", pa.schema([(k, KINDS[c.type]) for k, c in columns.items()]))
        for part in _parts(judgements, list(columns)):
            split = _known(part["item_id"], pd.Series(split_of, dtype="str"), "judgements: pair")
            for name, rows in part.groupby(split.to_numpy(), sort=True):
                chosen.write(str(name), pa.Table.from_pandas(rows, schema=chosen.schema, preserve_index=False))
    return [each.told for each in (plain, spoken, chosen)]


class Splits:
    """The files of one config, one a split, each opened at its first row and whole when the stack is closed."""

    def __init__(self, stack: ExitStack, folder: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._stack, self._folder = stack, folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def write(self, split: str, table: pa.Table) -> None:
        """Add rows to a split, as one row group."""
        if split not in self._writers:
            half = self._stack.enter_context(whole(self._folder / f"{split}.parquet"))
            writer = pq.ParquetWriter(half, self.schema, compression="zstd")
            self._writers[split] = self._stack.enter_context(writer)
            self._sizes[split] = {"num_bytes": 0, "num_examples": 0}
        self._writers[split].write_table(table.cast(self.schema).replace_schema_metadata(None))
        self._sizes[split]["num_bytes"] += table.nbytes
        self._sizes[split]["num_examples"] += table.num_rows

    @property
    def told(self) -> dict[str, Any]:
        """What the card says: config_name, features and splits, the leak-free one first."""
        order = sorted(self._sizes, key=lambda name: (name != LEAK_FREE, name))
        return {
            "config_name": self._folder.name,
            "features": [_feature(field) for field in self.schema],
            "splits": [{"name": name, **self._sizes[name]} for name in order],
        }


def _feature(field: pa.Field) -> dict[str, Any]:
    if field.type == MESSAGES:
        return {"name": field.name, "list": [{"name": key, "dtype": "string"} for key in ("role", "content")]}
    return {"name": field.name, "dtype": {"double": "float64"}.get(str(field.type), str(field.type))}


def _parts(path: str | Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=N_ROWS, columns=columns):
        yield batch.to_pandas()


def _texts(answers: str | Path) -> tuple[pd.Index, pa.Array]:
    """Answer ids, and their texts in the same order; withdrawn revisions are left out."""
    kept = pc.field("kind").isin(["baseline", "revision"])
    table = pq.read_table(answers, columns=["answer_id", "text"], filters=kept)
    texts = table["text"].combine_chunks()
    return pd.Index(table["answer_id"].to_pandas()), texts


def _known(keys: pd.Series, table: pd.Series, what: str) -> pd.Series:
    found = keys.map(table)
    if found.isna().any():
        raise SchemaError(f"{what} {keys[found.isna()].iloc[0]!r} is in no table; export the tables of one run")
    return found


def _preferences(
    rows: pd.DataFrame, texts: tuple[pd.Index, pa.Array], prompts: pd.Series, descriptions: pd.Series
) -> pa.Table:
    """One split of one part: the columns of `PAIRS`, and the persona's description."""
    columns: dict[str, Any] = {"prompt": _known(rows["prompt_id"], prompts, "pairs: prompt")}
    for name in ("chosen", "rejected"):
        at = texts[0].get_indexer(rows[f"{name}_answer_id"])
        if (at < 0).any():
            lost = rows.loc[at < 0, f"{name}_answer_id"].iloc[0]
            raise SchemaError(f"pairs: answer {lost!r} is in no table; export the tables of one run")
        columns[name] = texts[1].take(pa.array(at))
    columns |= {name: rows[name] for name in IDS}
    columns["description"] = _known(rows["persona_id"], descriptions, "pairs: persona")
    return pa.table({name: pa.array(values, type=TEXT) for name, values in columns.items()})


def _conversations(table: pa.Table) -> pa.Table:
    """The same rows as messages."""
    said = {name: table[name].to_pylist() for name in ("description", "prompt", "chosen", "rejected")}
    asked = [
        [{"role": "system", "content": who}, {"role": "user", "content": what}]
        for who, what in zip(said["description"], said["prompt"], strict=True)
    ]
    answered = {
        name: [[{"role": "assistant", "content": text}] for text in said[name]] for name in ("chosen", "rejected")
    }
    columns = {"prompt": asked, **answered}
    made = {name: pa.array(values, type=MESSAGES) for name, values in columns.items()}
    return pa.table(made | {name: table[name] for name in IDS}, schema=CONVERSATIONS)
