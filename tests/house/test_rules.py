"""The Snakefile's rules: one a notebook, in order, each says what it does and writes its tables."""

import re

from programs import NOTEBOOKS, ROOT, snakefile_rules

from persona_lib.tables import schema


def test_no_rule_has_a_shell_and_one_is_used_after_it_stands():
    text, order = (ROOT / "Snakefile").read_text("utf-8"), list(snakefile_rules())
    assert not re.findall(r"^\s+(?:shell|run):", text, flags=re.M)
    for used, name in re.findall(r"^use rule (\w+) as (\w+)", text, flags=re.M):
        assert order.index(used) < order.index(name), f"{name} uses {used}"
        assert used.startswith("collect_") == name.startswith("collect_"), f"{name} uses {used}"


def test_the_snakefile_stays_a_table_of_contents():
    assert len((ROOT / "Snakefile").read_text("utf-8").splitlines()) < 800


def test_each_notebook_has_one_rule_of_its_name():
    rules = snakefile_rules()
    for path in NOTEBOOKS:
        named = [name for name, body in rules.items() if f'**notebook("{path.stem}"' in body]
        assert named == [path.stem[3:]]
        body = rules[path.stem[3:]]
        assert f'notebook=f"{{RUN}}/notebooks/{path.name}",' in body and f'f"{{RUN}}/logs/{path.stem}.log",' in body


def test_a_notebook_reads_only_what_earlier_numbers_wrote():
    order: list[str] = []
    for name, body in snakefile_rules().items():
        for used in re.findall(r"rules\.(\w+)\.(?:in|out)put", body.split("output:")[0]):
            assert used in order, f"rule {name} reads {used}, which stands after it"
        order.append(name)


def test_every_rule_says_what_it_does():
    for name, body in snakefile_rules().items():
        assert body.lstrip().startswith('"""'), name
        assert name in ("all", "executed") or ("log:" in body and "message:" in body), name


def test_each_table_has_one_writer_and_its_rule_declares_it():
    rules = snakefile_rules()
    for table in schema.tables().values():
        shape_only = table.name == "statistics"
        rule = re.sub(r"^\d\d_", "", table.written_by)
        assert shape_only or f"{table.name}=f" in rules[rule].split("output:")[1], (
            f"{table.name} is not written by {rule}"
        )
