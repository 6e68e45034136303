"""Tables for the tests of the site: three personas of the expected demo, with a text that would like to be a script."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from persona_lib.site import sources
from persona_lib.tables import schema

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "data/expected/demo"
HOSTILE = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\"> & </script>"


def demo() -> dict[str, pd.DataFrame]:
    """The tables that the site shows, as committed; each test has its own copy."""
    return {name: table.copy() for name, table in _read().items()}


@cache
def _read() -> dict[str, pd.DataFrame]:
    return {name: schema.read(DEMO / f"{name}.parquet", name) for name in sources.TABLES}


def small(n_personas: int = 3) -> dict[str, pd.DataFrame]:
    """The same with the pairs of a few personas; the first pair's texts and its prompt are hostile."""
    tables = demo()
    ids = sorted(tables["personas"]["persona_id"])[:n_personas]
    pairs = tables["pairs"][tables["pairs"]["persona_id"].isin(ids)].reset_index(drop=True)
    first = pairs.sort_values(["persona_id", "prompt_id"]).iloc[0]
    pairs["critique"] = pairs["critique"].mask(pairs["pair_id"] == first["pair_id"], HOSTILE)
    answers, prompts = tables["answers"], tables["prompts"]
    is_theirs = answers["answer_id"].isin([first["chosen_answer_id"], first["rejected_answer_id"]])
    prompts = prompts.assign(text=prompts["text"].mask(prompts["prompt_id"] == first["prompt_id"], HOSTILE))
    return tables | {
        "personas": tables["personas"][tables["personas"]["persona_id"].isin(ids)],
        "pairs": pairs,
        "answers": answers.assign(text=answers["text"].mask(is_theirs, HOSTILE)),
        "prompts": prompts,
    }


def many(tables: dict[str, pd.DataFrame], n_pairs: int) -> dict[str, pd.DataFrame]:
    """As many pairs as asked for, by personas and revisions that are copied under new names."""
    n_copies = -(-n_pairs // len(tables["pairs"]))
    people, pairs, answers = [], [], [tables["answers"][tables["answers"]["persona_id"] == ""]]
    revisions = tables["answers"][tables["answers"]["kind"] == "revision"]
    for k in range(n_copies):
        people.append(tables["personas"].assign(persona_id=tables["personas"]["persona_id"] + f"x{k}"))
        theirs = tables["pairs"].assign(persona_id=tables["pairs"]["persona_id"] + f"x{k}")
        chosen = theirs["chosen_answer_id"].where(
            theirs["chosen_answer_id"] == "", theirs["chosen_answer_id"] + f"x{k}"
        )
        pairs.append(theirs.assign(pair_id=theirs["persona_id"] + "." + theirs["prompt_id"], chosen_answer_id=chosen))
        answers.append(revisions.assign(answer_id=revisions["answer_id"] + f"x{k}"))
    table = pd.concat(pairs, ignore_index=True).sort_values(["persona_id", "prompt_id"]).head(n_pairs)
    return tables | {"personas": pd.concat(people), "pairs": table, "answers": pd.concat(answers)}


class Read(HTMLParser):
    """The tags and the text of a page, as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data
