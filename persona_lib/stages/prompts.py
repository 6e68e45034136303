"""Opening prompts: the bank, the filters, the topics, the split (paper, section 3 and Figure 3)."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from persona_lib.acquisition.prism import opening_prompts
from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator, shard_of

MIN_WORDS = 5
OUTLIERS = -1
NOT_ASKED = "beyond the number classified"
LOST = "not classified"


def read_bank(path: str | Path) -> pd.DataFrame:
    """Opening prompts in the order of their file: `prompt_id` (q0001, ...), `text`.

    A `.csv` needs a column `text`; a `.jsonl` is PRISM's conversations or utterances file (`prism`).

    Raises
    ------
    SchemaError
        Another kind of file, no such file, not UTF-8, a missing column or field, a row
        without text, or no row at all; the message names file and row.
    """
    readers = {".csv": _csv_texts, ".jsonl": opening_prompts}
    path = Path(path)
    if path.suffix not in readers:
        raise SchemaError(f"{path}: a prompt bank is a .csv with a column text, or PRISM's conversations.jsonl")
    if not path.is_file():
        raise SchemaError(f"{path}: no such file; give the path of a prompt bank")
    try:
        texts = readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    if not texts:
        raise SchemaError(f"{path}: no prompts in it")
    for where, text in texts:
        if not isinstance(text, str) or not text.strip():
            raise SchemaError(f"{path}: {where} has no text; fill it or remove the row")
    width = max(4, len(str(len(texts))))
    return pd.DataFrame(
        {"prompt_id": [f"q{i:0{width}d}" for i in range(1, len(texts) + 1)], "text": [text for _, text in texts]}
    )


def _csv_texts(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if "text" not in (reader.fieldnames or []):
            raise SchemaError(f"{path}: no column text; its columns are {', '.join(reader.fieldnames or ['none'])}")
        try:
            return [(f"row ending in line {reader.line_num}", row["text"]) for row in reader]
        except csv.Error as error:
            raise SchemaError(f"{path}: line {reader.line_num}: {error}") from error


def read_topics(path: str | Path) -> pd.DataFrame:
    """PRISM's topics, largest first: `topic`, `conversations`; the cluster of outliers is no topic."""
    clusters = pd.read_csv(path)
    if missing := {"cluster_id", "conversations", "topic"} - set(clusters):
        raise SchemaError(f"{path}: column {', '.join(sorted(missing))} is missing")
    named = clusters[clusters["cluster_id"] != OUTLIERS]
    return named.sort_values("conversations", ascending=False, kind="stable")[["topic", "conversations"]].reset_index(
        drop=True
    )


def screen(bank: pd.DataFrame) -> pd.DataFrame:
    """The bank with `reason`: why a prompt is dropped before any model is asked, '' if it is not.

    In this order: no question mark, fewer than five words, duplicate (the same text as an
    earlier row, but for case and white space).

    Examples
    --------
    >>> screen(pd.DataFrame({"text": ["Is it right to lie?", "Why?", "is it  right to lie?", "Hi."]})).reason.tolist()
    ['', 'fewer than five words', 'duplicate', 'no question mark']
    """
    plain = bank["text"].map(lambda text: " ".join(text.casefold().split()))
    reason = pd.Series("", index=bank.index, dtype="str")
    reason = reason.mask(plain.duplicated(), "duplicate")
    reason = reason.mask(plain.str.split().str.len() < MIN_WORDS, "fewer than five words")
    reason = reason.mask(~plain.str.contains("?", regex=False), "no question mark")
    return bank.assign(reason=reason)


def shorten(screened: pd.DataFrame, *, n_classified: int | None, seed: int) -> pd.DataFrame:
    """A screened bank of which at most `n_classified` random prompts are still in; None: all of them."""
    left = screened.index[screened["reason"] == ""]
    if n_classified is None or len(left) <= n_classified:
        return screened
    dropped = generator(seed, "prompts.classify").permutation(len(left))[n_classified:]
    return screened.assign(reason=screened["reason"].where(~screened.index.isin(left[dropped]), NOT_ASKED))


def classify(
    bank: pd.DataFrame, topics: pd.DataFrame, *, ask: Ask, n_classified: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Ask of every prompt that passes `screen` whether it is controversial, and its topic.

    With `n_classified`, of so many at most, as `shorten` draws them.

    A call that is not ok, such as one that names a topic not on the list, gives the reason
    "not classified" (LOST): no verdict is made up.

    Returns
    -------
    One row per prompt of the bank: prompt_id, text, topic, is_controversial (missing if not
    classified), reason ('' if still in), request_hash and status of the call ('' if not asked).
    """
    screened = shorten(screen(bank), n_classified=n_classified, seed=seed)
    asked = screened[screened["reason"] == ""]
    replies = steps.first(
        steps.requests(
            asked,
            endpoint=ask.roles["classifier"],
            template="classify_prompt",
            prompt=asked["text"],
            topics="\n".join(topics["topic"]),
        ),
        ask=ask,
    )
    data = replies["data"].where(replies["status"] == "ok")
    verdicts = pd.DataFrame(
        {
            "topic": [d["topic"] if isinstance(d, dict) else "" for d in data],
            "is_controversial": [d["is_controversial"] if isinstance(d, dict) else None for d in data],
        },
        index=asked.index,
    ).astype({"topic": "str", "is_controversial": "boolean"})
    is_lost = verdicts["topic"] == ""
    verdicts["is_controversial"] = verdicts["is_controversial"].mask(is_lost)
    verdicts["reason"] = ""
    verdicts.loc[~verdicts["is_controversial"].fillna(True).astype(bool), "reason"] = "not controversial"
    verdicts.loc[is_lost, "reason"] = LOST
    nothing = {"topic": "", "request_hash": "", "status": ""}
    rest = screened.assign(is_controversial=pd.array([pd.NA] * len(bank), dtype="boolean"), **nothing)
    rest.loc[asked.index, ["topic", "is_controversial", "reason"]] = verdicts[["topic", "is_controversial", "reason"]]
    rest.loc[asked.index, ["request_hash", "status"]] = replies[["request_hash", "status"]].astype("str")
    return rest[["prompt_id", "text", "topic", "is_controversial", "reason", "request_hash", "status"]]


def select(classified: pd.DataFrame, *, n: int, n_train: int, seed: int) -> pd.DataFrame:
    """Keep `n` prompts as evenly over topics as the bank allows and split them within topics: table `prompts`.

    Topics take turns, in random order, each giving one random prompt, until n are kept; so the
    numbers kept of two topics differ by more than one only where the smaller had no more. The
    n - n_train held-out prompts are every (n / (n - n_train))-th of the kept ones lined up by
    topic, so each topic's held-out number is its exact share rounded up or down. Where too few remain, column
    `status`, if it is there, says what became of the calls.

    Raises
    ------
    SchemaError
        If fewer than n prompts remain, or n_train is not below n.
    """
    if not 0 < n_train < n:
        raise SchemaError(f"prompts.n_train = {n_train} must be between 1 and prompts.n - 1 = {n - 1}")
    left = classified[classified["reason"] == ""]
    if len(left) < n:
        n_asked = classified["status"].ne("").sum() if "status" in classified else 0
        todo = "lower prompts.n or enlarge the bank (prompts.bank)"
        if 2 * classified["reason"].eq(LOST).sum() > n_asked > 0:
            todo = "set another model as roles.classifier, or json_schema: false in its endpoint"
        raise SchemaError(
            f"{_verdicts(classified)}{len(left)} prompts of {len(classified)} remain after the filters, but "
            f"prompts.n = {n}: {todo}"
        )
    rng = generator(seed, "prompts.select")
    shuffled = left.sort_values("prompt_id").iloc[rng.permutation(len(left))]
    names = sorted(left["topic"].unique())
    turn = shuffled["topic"].map(dict(zip(names, rng.permutation(len(names)), strict=True)))
    lined_up = shuffled.assign(turn=turn, round=shuffled.groupby("topic").cumcount())
    kept = lined_up.sort_values(["round", "turn"], kind="stable").head(n).sort_values(["turn", "round"], kind="stable")
    n_heldout = n - n_train
    step = pd.Series(range(n), index=kept.index)
    is_heldout = (step + 1) * n_heldout // n > step * n_heldout // n
    split = pd.Series("none", index=classified.index, dtype="str")
    split.loc[kept.index] = is_heldout.map({True: "heldout_prompt", False: "train"}).astype("str")
    reason = classified["reason"].mask(classified["reason"] == "", "beyond the configured number")
    reason.loc[kept.index] = "kept"
    return classified.drop(columns="status", errors="ignore").assign(
        is_kept=reason == "kept", reason=reason, prompt_split=split
    )


def _verdicts(classified: pd.DataFrame) -> str:
    """What became of the calls to the classifier, and a semicolon; '' where nothing says it."""
    if "status" not in classified or classified["status"].eq("").all():
        return ""
    asked = classified[classified["status"] != ""]
    is_strange = asked["status"].eq("ok") & asked["reason"].eq(LOST)
    counts = asked["status"].mask(is_strange, "of no topic on the list").value_counts()
    said = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items())
    return f"of {len(asked)} calls to the classifier {said}; "


def collect_prompts(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask the classifier for the prompts of one shard; duplicates are dropped before sharding."""
    bank = shorten(screen(tables["bank"]), n_classified=settings["prompts"]["n_classified"], seed=settings["seed"])
    mine = bank[(bank["reason"] == "") & bank["prompt_id"].map(lambda key: shard_of(key, of) == shard).astype(bool)]
    classify(mine[["prompt_id", "text"]], tables["topics"], ask=ask)
