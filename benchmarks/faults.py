"""Where a program can be made wrong in one place, and how: the faults that benchmarks/mutation.py draws from.

Left out by construction, because no test of what a program does could see them: annotations, docstrings, what only
type checkers read, what stands in a message (of an error, a log, a print, a help text, an f-string), what runs only
as a script, and the looks of a drawing (a font's size, a colour's strength). Left out, too, is what no program
survives: isinstance with its arguments swapped, sets that are added.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
           ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv}  # fmt: skip
UNSWAPPED = {  # swapping changes nothing, or is a mistake that the first call tells
    "min", "max", "minimum", "maximum", "isclose", "allclose", "union", "intersection", "gcd",
    "isinstance", "issubclass", "getattr", "setattr", "hasattr", "map", "filter",
}  # fmt: skip
MESSAGES = {"print", "warn", "info", "warning", "error", "exception", "debug", "exit", "add_argument", "ArgumentParser"}
LOOKS = {
    "alpha", "fontsize", "linewidth", "linewidths", "lw", "figsize", "dpi", "pad", "labelpad", "zorder", "size", "s",
    "markersize", "rotation", "width_ratios", "height_ratios", "hspace", "wspace", "ncols", "aspect", "frameon",
    "bbox_to_anchor", "xytext", "legend_fontsize", "capsize", "indent", "sort_keys", "ensure_ascii", "allow_unicode",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One place made wrong: where it is, by the names around it, and the text before and after."""

    file: str
    scope: str  # names of the classes and functions around it
    kind: str
    occurrence: int  # among the same kind, before and after in this scope
    before: str
    after: str
    line: int
    span: tuple[int, int]  # of the text, in bytes

    def planted(self, source: bytes) -> bytes:
        """The program with the fault."""
        start, end = self.span
        return source[:start] + self.after.encode() + source[end:]


def faults(file: str, source: str) -> list[Fault]:
    """Every fault of a program, in the order of its text."""
    tree, starts = ast.parse(source), [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Fault] = []
    seen: dict[tuple, int] = {}
    for scope, node, kind, after in _walk(tree, ""):
        span = (starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
        before = source.encode()[span[0] : span[1]].decode()
        key = (scope, kind, before, after)
        seen[key] = seen.get(key, -1) + 1
        found.append(Fault(file, scope, kind, seen[key], before, after, node.lineno, span))
    return sorted(found, key=lambda fault: (fault.span, fault.kind))


def _walk(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST, str, str]]:
    """(scope, node, kind, text in its place) of every fault below a node."""
    if isinstance(node, ast.JoinedStr) or _is_for_readers(node):
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        scope = f"{scope}.{node.name}" if scope else node.name
    yield from ((scope, node, kind, after) for kind, after in _of(node))
    for name, child in _children(node):
        if name not in ("annotation", "returns", "decorator_list"):
            yield from _walk(child, scope)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg in LOOKS):
                yield name, child


def _is_for_readers(node: ast.AST) -> bool:
    """Whether a part is read by people or type checkers only, or run only as a script."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test) or "__main__" in ast.unparse(node.test)
    if isinstance(node, ast.Call):
        return _called(node) in MESSAGES or _called(node).endswith(("Error", "Exception", "Miss"))
    return False


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(kind, text) of the faults of this very node."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            yield "comparison", _text(ast.Compare(left, [COMPARED[type(op)]()], [right]))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in COUNTED and not _is_no_number(left, right):
            yield "arithmetic", _text(ast.BinOp(left, COUNTED[type(op)](), right))
        case ast.BoolOp(op=op, values=values):
            yield "condition", _text(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "condition", _text(operand)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "condition", _text(ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse))
        case ast.Constant(value=bool() as value):
            yield "constant", str(not value)
        case ast.Constant(value=int() | float() as value):
            yield "constant", repr(value + 1)
        case ast.Subscript(value=value, slice=ast.Constant(value=0)):
            yield "end", f"{ast.unparse(value)}[-1]"
        case ast.Subscript(value=value, slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))):
            yield "end", f"{ast.unparse(value)}[0]"
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=None)) if lower or upper:
            yield "end", f"{ast.unparse(value)}[{ast.unparse(ast.Slice(upper, lower))}]"
        case ast.Call(args=[first, second, *rest], func=func, keywords=keywords) if _called(node) not in UNSWAPPED:
            if not isinstance(first, ast.Starred) and ast.unparse(first) != ast.unparse(second):
                yield "arguments", _text(ast.Call(func, [second, first, *rest], keywords))
        case ast.Return(value=ast.AST() as value) if not _is_none(value):
            yield "return", "return None"
        case ast.Raise():
            yield "dropped", "pass"
        case ast.Expr(value=ast.Call() as call) if not _is_for_readers(call):
            yield "dropped", "pass"
        case ast.AugAssign() | ast.Continue():
            yield "dropped", "pass"


def _is_no_number(*nodes: ast.AST) -> bool:
    """Whether one of them is a text or a set."""
    return any(
        isinstance(node, (ast.JoinedStr, ast.Set, ast.SetComp))
        or isinstance(getattr(node, "value", None), str)
        or (isinstance(node, ast.Call) and _called(node) in ("set", "frozenset"))
        for node in nodes
    )


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _text(node: ast.AST) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"
