"""Notebooks as data: their parameters, and the form in which they are committed."""

import ast

import nbformat
from nbformat import NotebookNode

INJECTED = "injected-parameters"


def parameter_names(notebook: NotebookNode, path: str) -> set[str]:
    """The names assigned in the one cell tagged `parameters`.

    Raises
    ------
    ValueError
        There is not exactly one such cell.
    """
    cells = [c for c in notebook.cells if c.cell_type == "code" and "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"{path}: {len(cells)} cells are tagged 'parameters'; one must be")
    targets = [t for node in ast.parse(cells[0].source).body if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def normalised(notebook: NotebookNode) -> NotebookNode:
    """A copy without anything that differs between two runs: times, versions, ids of outputs."""
    clean = NotebookNode(
        cells=[_clean(cell, number) for number, cell in enumerate(notebook.cells)],
        metadata=NotebookNode(
            kernelspec=NotebookNode(display_name="Python 3", language="python", name="python3"),
            language_info=NotebookNode(name="python"),
        ),
        nbformat=4,
        nbformat_minor=5,
    )
    return clean


def _clean(cell: NotebookNode, number: int) -> NotebookNode:
    tags = list(cell.metadata.get("tags", []))
    kept = NotebookNode(
        id=cell.get("id", f"cell-{number:02d}"),
        cell_type=cell.cell_type,
        metadata=NotebookNode(tags=tags) if tags else NotebookNode(),
        source=cell.source,
    )
    if INJECTED in tags:
        kept.id = INJECTED
    if cell.cell_type == "code":
        kept.execution_count = cell.execution_count
        kept.outputs = [NotebookNode(output) for output in cell.outputs]
        for output in kept.outputs:
            if "execution_count" in output:
                output.execution_count = kept.execution_count
            if "metadata" in output:
                output.metadata = _alternatives(output.metadata)
    return kept


def _alternatives(metadata: NotebookNode) -> NotebookNode:
    """What of an output's metadata is the same in two runs: the alternative texts of its pictures."""
    kept = {
        kind: {"alt": about["alt"]} for kind, about in metadata.items() if isinstance(about, dict) and "alt" in about
    }
    return nbformat.from_dict(kept)


def committed(notebook: NotebookNode) -> NotebookNode:
    """The executed notebook as it is committed: without the injected cell, its cells counted from one."""
    clean = normalised(notebook)
    clean.cells = [cell for cell in clean.cells if INJECTED not in cell.metadata.get("tags", [])]
    count = 0
    for cell in clean.cells:
        if cell.cell_type == "code" and cell.execution_count is not None:
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
    return clean
