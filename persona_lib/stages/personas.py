"""The model stage of personas: a writer makes `personal_time` of what was drawn, a filter judges the whole person."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.synthesis import traits
from persona_lib.synthesis.personas import LISTED, LISTS, apply_rules, complete
from persona_lib.tables.descriptions import describe, one_line
from persona_lib.tables.streams import shard_of


def write_fields(candidates: pd.DataFrame, *, ask: Ask | None) -> pd.DataFrame:
    """`personal_time` of every candidate that passed the rules: by the writer, or without one from the list.

    The writer reads the description and, in a last line, the pastimes that were drawn for the candidate.

    Parameters
    ----------
    candidates : rows of `apply_rules`
    ask : requests to replies (template write_traits, role writer); None leaves the model stage out

    Returns
    -------
    The candidates with personal_time (one line; '' unless ok or listed), written_status ('' where a rule is
    broken), written_detail and written_hash.
    """
    asked = candidates[candidates["rule_id"] == ""]
    if ask is None:
        written = pd.DataFrame({"personal_time": _sentence(asked["pastimes"]), "written_status": LISTED})
        written = written.assign(written_detail="", written_hash="")
        return candidates.join(written.reindex(candidates.index).fillna("").astype("str"))
    shown = describe(asked, without=("personal_time",)) + "\nPastimes: " + asked["pastimes"].map(one_line)
    replies = _ask(asked, shown, "write_traits", "writer", ask=ask)
    text = [data.get("personal_time") if isinstance(data, dict) else None for data in replies["data"]]
    text = pd.Series([one_line(t) if isinstance(t, str) else "" for t in text], index=asked.index, dtype="str")
    is_empty = (replies["status"] == "ok") & (text == "")
    written = pd.DataFrame(
        {
            "personal_time": text.where(replies["status"] == "ok", ""),
            "written_status": replies["status"].mask(is_empty, "unparsed"),
            "written_detail": replies["detail"].mask(is_empty, "no personal_time in the reply"),
            "written_hash": replies["request_hash"],
        }
    )
    return candidates.join(written.reindex(candidates.index).fillna("").astype("str"))


def _sentence(pastimes: pd.Series) -> pd.Series:
    """Likes to walk the dog and to bake bread."""
    return "Likes to " + pastimes.map(one_line).str.replace(traits.SEPARATOR, " and to ", regex=False) + "."


def check_consistency(candidates: pd.DataFrame, *, ask: Ask | None) -> pd.DataFrame:
    """Ask the filter about every candidate whose fields were written by a model.

    Parameters
    ----------
    candidates : rows of `write_fields`
    ask : requests to replies (template check_consistency, role filter); None leaves the model stage out

    Returns
    -------
    One row per candidate asked: draw, status, is_consistent (boolean, missing unless ok), reason,
    detail, request_hash.
    """
    asked = candidates[candidates["written_status"] == "ok"]
    replies = _ask(asked, describe(asked), "check_consistency", "filter", ask=ask)
    said = [data if isinstance(data, dict) else {} for data in replies["data"]]
    verdict = [s.get("is_consistent") if isinstance(s.get("is_consistent"), bool) else None for s in said]
    verdict = pd.Series(verdict, index=asked.index, dtype="boolean").where(replies["status"] == "ok")
    is_lost = (replies["status"] == "ok") & verdict.isna()
    return pd.DataFrame(
        {
            "draw": asked["draw"],
            "status": replies["status"].mask(is_lost, "unparsed"),
            "is_consistent": verdict,
            "reason": pd.Series([one_line(str(s.get("reason", ""))) for s in said], index=asked.index, dtype="str"),
            "detail": replies["detail"].mask(is_lost, "no is_consistent in the reply"),
            "request_hash": replies["request_hash"],
        }
    )


def _ask(
    asked: pd.DataFrame, descriptions: pd.Series, template: str, role: Literal["writer", "filter"], *, ask: Ask | None
) -> pd.DataFrame:
    if ask is None or asked.empty:
        return pd.DataFrame({c: pd.Series(dtype="object") for c in ("data", "status", "detail", "request_hash")})
    requests = pd.DataFrame(
        {"endpoint": ask.roles[role], "template": template, "slots": [{"persona": text} for text in descriptions]},
        index=asked.index,
    )
    return ask(requests)


def collect_personas(tables: dict[str, pd.DataFrame], settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask everything that notebook 03 replays, for the draws of one shard; the answers go to the ledger of `ask`."""
    lists = {name: tables[name] for name, _ in LISTS.values()}
    candidates = complete(
        tables["draws"],
        tables["census"],
        tables["chain"],
        tables["norms"],
        lists,
        big_five=settings["personas"]["big_five"],
        seed=settings["seed"],
    )
    mine = candidates["draw"].map(lambda draw: shard_of(str(draw), of) == shard)
    check_consistency(write_fields(apply_rules(candidates[mine]), ask=ask), ask=ask)
