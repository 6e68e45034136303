"""Write the claims of one run as a page.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from persona_lib.site.pages import claims_page  # noqa: E402
from persona_lib.tables import schema  # noqa: E402
from persona_lib.tables.files import whole  # noqa: E402
from workflow.surroundings import print_to  # noqa: E402


def run(rule) -> None:
    """Read the rule's table and write its page."""
    claims = schema.read(rule.input.claims, "claims")
    with whole(rule.output.page) as half:
        Path(half).write_text(claims_page(claims, simulated=rule.params.simulated, alone=True), "utf-8")
    Path(rule.log[0]).write_text(f"{rule.output.page}: written\n", "utf-8")


if __name__ == "__main__":
    print_to(snakemake.log[0])  # type: ignore[name-defined]  # noqa: F821
    run(snakemake)  # type: ignore[name-defined]  # noqa: F821
