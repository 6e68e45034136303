"""Write the dataset folder of one run.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

import os
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, os.getcwd())

from persona_lib.exporting.preferences import write_preferences  # noqa: E402
from persona_lib.showing.export import write_dataset  # noqa: E402
from persona_lib.tables import schema  # noqa: E402
from workflow.surroundings import print_to  # noqa: E402


def run(rule) -> None:
    """Read the rule's tables and write its folder."""
    names = ("personas", "provenance", "persona_weights")
    personas, provenance, weights = (schema.read(rule.input[name], name) for name in names)
    files = {name: rule.input[name] for name in ("pairs", "answers", "judgements")}
    prompts = schema.read(rule.input.prompts, "prompts", compact=True)
    written = write_preferences(rule.output.dataset, **files, prompts=prompts, personas=personas)
    card = write_dataset(
        personas,
        provenance,
        weights,
        rule.output.dataset,
        cells=pd.read_csv(rule.input.cells),
        files=list(rule.params.files),
        big_five=rule.params.big_five,
        simulated=rule.params.simulated,
        preferences=written,
    )
    Path(rule.log[0]).write_text(f"{card}: written\n", "utf-8")


if __name__ == "__main__":
    print_to(snakemake.log[0])  # type: ignore[name-defined]  # noqa: F821
    run(snakemake)  # type: ignore[name-defined]  # noqa: F821
