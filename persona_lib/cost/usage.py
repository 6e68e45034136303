"""What the live ledgers of a run hold already: answers and their tokens, by stage, template and endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from persona_lib.ledger import live as ledgers
from persona_lib.messages.request import Endpoint, model_of
from persona_lib.messages.templates import Template

_KEY = ["stage", "template", "endpoint"]


def measured(
    paths: Iterable[str | Path], templates: Mapping[str, Template], endpoints: Mapping[str, Endpoint]
) -> pd.DataFrame:
    """Final answers of live ledgers and the tokens of one call; an answer in two shards counts once.

    The template of a request is told by its fixed text; one that no template has now is left out,
    since it is asked anew, and so is one whose endpoint has another model or other parameters now.
    Tokens come from answers whose endpoint counts them.

    Returns
    -------
    One row per stage, template and endpoint: n (answers), and of the tokens of one call the 10 %
    quantile (tokens_in_low, tokens_out_low), the mean (_expected) and the 90 % quantile (_high).
    """
    named = {template.system: template.name for template in templates.values()}
    seen: set[str] = set()
    rows = []
    for path in map(Path, paths):
        stage = path.stem.rsplit("-", 3)[0]
        for _, record in ledgers.lines(path):
            reply, request = record["reply"], record["request"]
            template = named.get(request["messages"][0]["content"])
            is_asked_anew = template is None or not _is_as_configured(request, endpoints.get(request["endpoint"]))
            is_asked_anew |= request.get("repairs") is not None  # it belongs to the answer that it repairs
            if is_asked_anew or reply["status"] == "failed" or record["hash"] in seen:
                continue
            seen.add(record["hash"])
            rows.append((stage, template, request["endpoint"], reply["tokens_in"], reply["tokens_out"]))
    table = pd.DataFrame(rows, columns=[*_KEY, "tokens_in", "tokens_out"])
    table = table.astype({"tokens_in": "float64", "tokens_out": "float64"})
    groups = table.groupby(_KEY)
    found = {"n": groups.size()}
    for name in ("tokens_in", "tokens_out"):
        found[f"{name}_low"] = groups[name].quantile(0.1)
        found[f"{name}_expected"] = groups[name].mean()
        found[f"{name}_high"] = groups[name].quantile(0.9)
    return pd.DataFrame(found).reset_index()


def _is_as_configured(request: Mapping, endpoint: Endpoint | None) -> bool:
    if endpoint is None:
        return False
    return (model_of(request["model"], endpoint), request["parameters"]) == (endpoint.model, endpoint.parameters)
