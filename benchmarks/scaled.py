"""A share of the paper's size: `python benchmarks/scaled.py NAME SHARE` writes config/NAME.yaml.

What a person is asked stays as in config/paper.yaml (200 pairs each, 20 pool items, 16 attempts); how many persons,
prompts and items there are is multiplied. `git` ignores nothing of it: delete the file afterwards.
"""

import sys
from pathlib import Path

import yaml

SCALED = {
    "population": ["n_draws"],
    "personas": ["n", "n_train"],
    "prompts": ["n", "n_train"],
    "validation": ["n_pairs", "n_contests"],
    "ablation": ["n_personas"],
    "benchmark": ["n_items", "n_calibration"],
    "pass_at_k": ["n_items"],
    "survey": ["n_personas"],
}


def main(name: str, share: str) -> None:
    """Write the configuration."""
    values = yaml.safe_load(Path("config/paper.yaml").read_text("utf-8"))
    for section, keys in SCALED.items():
        for key in keys:
            values[section][key] = max(1, round(values[section][key] * float(share)))
    # so many of the bank as the paper classified of PRISM's: 8,011 for 3,868
    values["prompts"]["n_classified"] = round(8011 * float(share))
    Path("config", f"{name}.yaml").write_text(yaml.safe_dump(values | {"run": name}, sort_keys=False), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
