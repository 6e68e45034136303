"""Write the validated configuration of a run where its notebook 00 reads it.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

from pathlib import Path

import yaml

path = Path(snakemake.output.configuration)  # noqa: F821
path.write_text(yaml.safe_dump(snakemake.params.settings, sort_keys=False, allow_unicode=True), "utf-8")  # noqa: F821
