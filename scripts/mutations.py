"""Small faults to put into a module, to see whether its tests find them.

The operators, each applied wherever it fits, one fault at a time:

- comparison: at the boundary (``<`` and ``<=``, ``>`` and ``>=``), turned round (``<`` and ``>=``, ``==`` and ``!=``,
  ``is`` and ``is not``, ``in`` and ``not in``);
- arithmetic: ``+`` and ``-``, ``*`` and ``/``, ``//`` to ``*``, ``%`` to ``*``, ``**`` to ``*``, ``<<`` and ``>>``,
  ``&`` and ``|``, also in ``+=`` and its kin; a minus sign dropped;
- constant: a number one more and one less, True and False, a text emptied;
- logic: ``and`` and ``or`` swapped, each operand dropped, ``not`` dropped, a bare condition turned round, each arm of
  a conditional expression alone, a filter of a comprehension dropped;
- call: ``min`` and ``max``, ``any`` and ``all``, floor and ceil swapped, also numpy's; ``appendleft`` to ``append``,
  ``popleft`` to ``pop``; abs, sorted, reversed, round, sqrt, log, exp, cumsum and diff dropped; a named argument left
  out;
- statement: a call, yield, raise, assignment, ``continue`` or ``break`` removed; a return that returns None.

Left alone: annotations, imports, decorators, the options of a class, docstrings, type variables, ``strict=`` of a zip,
and the texts of errors. An assignment to a name that has no earlier value is not removed: that is a NameError for
every test.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

_BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITE = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult,
}  # fmt: skip
_SWAPPED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor", "minimum": "maximum",
    "maximum": "minimum", "appendleft": "append", "popleft": "pop",
}  # fmt: skip
_DROPPED = {"abs", "sorted", "reversed", "sqrt", "log", "exp", "round", "cumsum", "diff"}
_SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params", "type_comment"}
_SKIPPED_NAMES = {"__all__", "__slots__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One fault. ``function`` is the outermost function it lies in, "" for what runs at import."""

    key: str  # names the fault as long as its line of code stays as it is
    function: str
    line: int
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    def put(self) -> ast.AST:
        """Put the fault into the tree; what stood there."""
        return _set(self.parent, self.field, self.index, self.new)


@dataclass(frozen=True)
class _Place:
    """Where a walk is: the class or function, the outermost function and its names, and the statement."""

    path: str = ""
    function: str = ""
    bound: Mapping[str, int] | None = None
    statement: ast.stmt | None = None


def mutants_of(module: str, tree: ast.Module) -> list[Mutant]:
    """Every fault of a module, in the order of its code; each is put into this very tree."""
    times: Counter[str] = Counter()
    found = []
    for place, parent, field, index, new in _walk(tree, _Place()):
        statement = place.statement
        if statement is None:
            continue
        new = ast.fix_missing_locations(ast.copy_location(new, statement))
        key = f"{module}:{place.function or '<module>'}: {_shown(statement, parent, field, index, new)}"
        times[key] += 1
        if times[key] > 1:
            key += f"  # {times[key]}"
        found.append(Mutant(key, place.function, statement.lineno, parent, field, index, new))
    return found


def _walk(node: ast.AST, place: _Place) -> Iterator[tuple[_Place, ast.AST, str, int | None, ast.AST]]:
    if isinstance(node, ast.Raise):
        return
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED_FIELDS:
            continue
        inside = place
        if isinstance(node, _FUNCTIONS) and not place.function and field == "body":
            inside = replace(place, function=place.path, bound=_bound(node))
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _left_alone(node, child):
                continue
            here = replace(inside, statement=child) if isinstance(child, ast.stmt) else inside
            for new in _faults(child, here.bound):
                yield here, node, field, index, new
            if isinstance(child, (ast.ClassDef, *_FUNCTIONS)):
                here = replace(here, path=f"{here.path}.{child.name}".lstrip("."))
            yield from _walk(child, here)


def _shown(statement: ast.stmt, parent: ast.AST, field: str, index: int | None, new: ast.AST) -> str:
    """The statement with the fault in it, on one line, of a long one the part about the fault."""
    plain = _header(statement)
    before = _set(parent, field, index, new)
    text = _header(new if before is statement else statement)
    _set(parent, field, index, before)
    if isinstance(new, ast.Pass):
        return "removed: " + (plain if len(plain) <= 90 else plain[:89] + "…")
    start = next((i for i, (x, y) in enumerate(zip(plain, text, strict=False)) if x != y), min(len(plain), len(text)))
    back = min(len(plain), len(text)) - start
    same = next((i for i in range(back) if plain[-1 - i] != text[-1 - i]), back)
    first, last = max(start - 40, 0), min(len(text) - same + 40, len(text))
    return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")


def _header(statement: ast.AST) -> str:
    """The code of a statement without the statements inside it."""
    bare = copy.copy(statement)
    for field in ("body", "orelse", "finalbody", "handlers", "decorator_list"):
        if isinstance(getattr(bare, field, None), list):
            setattr(bare, field, [ast.Pass()] if field == "body" else [])
    return " ".join(ast.unparse(ast.fix_missing_locations(bare)).split()).removesuffix(": pass")


def _set(parent: ast.AST, field: str, index: int | None, new: ast.AST) -> ast.AST:
    if index is None:
        before: ast.AST = getattr(parent, field)
        setattr(parent, field, new)
    else:
        place = getattr(parent, field)
        before, place[index] = place[index], new
    return before


def _left_alone(parent: ast.AST, node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.expr_context():
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in _SKIPPED_NAMES
        case (
            ast.keyword(arg="strict")
            | ast.If(test=ast.Name(id="TYPE_CHECKING"))
            | ast.Call(func=ast.Name(id="TypeVar" | "cast"))
        ):
            return True
        case ast.keyword():
            return node.arg == "strict" or isinstance(parent, ast.ClassDef)
        case ast.Constant() if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
            return parent.func.id.endswith("Error")  # the text of an error that is not raised at once
    return isinstance(parent, ast.MatchValue)


def _bound(function: ast.AST) -> dict[str, int]:
    """The line at which each name of a function first has a value."""
    first: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            first[node.arg] = 0
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            first[node.id] = min(first.get(node.id, node.lineno), node.lineno)
    return first


def _faults(node: ast.AST, bound: Mapping[str, int] | None) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            yield node.operand
        case ast.Constant():
            yield from _constants(node)
        case ast.BoolOp():
            swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(swapped, node.values)
            for i in range(len(node.values)):
                rest = node.values[:i] + node.values[i + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.comprehension(ifs=[_, *_]):
            yield ast.comprehension(node.target, node.iter, [], node.is_async)
        case ast.Call():
            yield from _calls(node)
        case ast.AugAssign():
            if type(node.op) in _ARITHMETIC:
                yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value):
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield ast.Pass()
        case ast.Expr():
            yield ast.Pass()
        case ast.Assign() | ast.AnnAssign(value=ast.expr()):
            if bound is not None and _removable(node, bound):
                yield ast.Pass()
    if isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        turned = copy.copy(node)
        turned.test = ast.UnaryOp(ast.Not(), node.test)
        yield turned


def _comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for i, op in enumerate(node.ops):
        for table in (_BOUNDARY, _OPPOSITE):
            if type(op) in table:
                ops: list[ast.cmpop] = [*node.ops[:i], table[type(op)](), *node.ops[i + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        for other in (value + 1, value - 1):
            if other != value:
                yield ast.Constant(other)
    elif isinstance(value, str) and value:
        yield ast.Constant("")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in _SWAPPED:
        func = copy.copy(node.func)
        setattr(func, "id" if isinstance(func, ast.Name) else "attr", _SWAPPED[name])
        yield ast.Call(func, node.args, node.keywords)
    if name in _DROPPED and node.args:
        yield node.args[0]
    for i, keyword in enumerate(node.keywords):
        if keyword.arg not in (None, "strict"):
            yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])


def _removable(node: ast.Assign | ast.AnnAssign, bound: Mapping[str, int]) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return all(bound.get(n.id, node.lineno) < node.lineno for n in names)
