"""Write the validated configuration of a run where its notebook 00 reads it.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

from pathlib import Path

import yaml

rule = snakemake  # type: ignore[name-defined]  # noqa: F821
path = Path(rule.output.configuration)
path.write_text(yaml.safe_dump(rule.params.settings, sort_keys=False, allow_unicode=True), "utf-8")
