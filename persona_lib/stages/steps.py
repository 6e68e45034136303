"""One step of a chain of calls: ask what can be asked, carry the status of what cannot.

A stage is a chain such as answer -> critique -> revision. A step is asked only where the step
before it is ok; elsewhere the earlier status and request stand, so a row always says where it
ended, and no row is lost.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import shard_of

REPLY = ["text", "data", "status", "request_hash"]


def requests(rows: pd.DataFrame, *, endpoint: str | pd.Series, template: str | pd.Series, **slots: str | pd.Series):
    """One request per row, on the rows' index: `endpoint`, `template`, `slots`, `sample` (rows.sample, else 0).

    A slot is a column of texts on the same index, or one text for all rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"prompt": ["Why?", "How?"]})
    >>> requests(rows, endpoint="large", template="answer", prompt=rows["prompt"]).slots.tolist()
    [{'prompt': 'Why?'}, {'prompt': 'How?'}]
    """
    filled = pd.DataFrame(slots, index=rows.index)
    return pd.DataFrame(
        {
            "endpoint": endpoint,
            "template": template,
            "slots": pd.Series(filled.to_dict("records"), index=rows.index, dtype=object),
            "sample": rows.get("sample", 0),
        },
        index=rows.index,
    )


def of_shard(plan: pd.DataFrame, column: str, *, shard: int, of: int) -> pd.DataFrame:
    """The rows of one shard, by the values of a column: what asks for the same must have the same value.

    Examples
    --------
    >>> of_shard(pd.DataFrame({"item_id": ["i", "j"], "repeat": 0}), "item_id", shard=0, of=1).shape
    (2, 2)
    >>> of_shard(pd.DataFrame({"item_id": [], "repeat": []}), "item_id", shard=0, of=1).shape
    (0, 2)
    """
    is_mine = [shard_of(value, of) == shard for value in plan[column]]
    return plan.loc[np.array(is_mine, dtype=bool)]


def first(asked: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Replies to requests, on their index: text, data, status, request_hash; equal requests are sent once.

    Raises
    ------
    SchemaError
        If a request has no reply, or a text stands beside a status other than ok.
    """
    if asked.empty:
        return pd.DataFrame({key: pd.Series(dtype=object) for key in REPLY}, index=asked.index)
    numbers: dict[tuple, int] = {}  # of distinct requests, in the order of their first row
    rows = zip(*(asked[name].tolist() for name in ("endpoint", "template", "slots", "sample")), strict=True)
    identity = ((alias, template, *sorted(slots.items()), int(sample)) for alias, template, slots, sample in rows)
    number = [numbers.setdefault(one, len(numbers)) for one in identity]
    distinct = asked.reset_index(drop=True)[~pd.Series(number).duplicated()].reset_index(drop=True)
    replies = ask(distinct)
    if len(replies) != len(distinct):
        raise SchemaError(f"{len(distinct)} requests were asked, {len(replies)} replies came back")
    spoken = replies[(replies["status"] != "ok") & (replies["text"] != "")]
    if len(spoken):
        row = spoken.iloc[0]
        raise SchemaError(f"reply to request {row['request_hash']} is {row['status']}, yet has a text")
    return replies.reset_index(drop=True)[REPLY].iloc[number].set_axis(asked.index)


def following(before: pd.DataFrame, asked: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Replies to the requests whose row in `before` is ok; the other rows keep status and request of `before`.

    Examples
    --------
    >>> before = pd.DataFrame({"text": ["", ""], "status": ["refused", "ok"], "request_hash": ["r0", "r1"]})
    >>> rows = pd.DataFrame({"prompt": ["Why?", "How?"]})
    >>> echo = lambda asked: pd.DataFrame({"text": "Thus.", "data": None, "status": "ok", "request_hash": ["s"]})
    >>> following(before, requests(rows, endpoint="m", template="revise"), ask=echo).request_hash.tolist()
    ['r0', 's']
    """
    is_ok = before["status"].eq("ok").astype(bool)
    asked_now = first(asked[is_ok], ask=ask)
    carried = before.loc[~is_ok, ["status", "request_hash"]].assign(text="", data=None)[REPLY]
    return pd.concat([asked_now, carried]).reindex(asked.index)


def unparsed_unless(replies: pd.DataFrame, is_parsed: pd.Series) -> pd.DataFrame:
    """The replies, with status unparsed and no text where they are ok but not `is_parsed`."""
    wrong = replies["status"].eq("ok") & ~is_parsed.astype(bool)
    return replies.assign(text=replies["text"].mask(wrong, ""), status=replies["status"].mask(wrong, "unparsed"))
