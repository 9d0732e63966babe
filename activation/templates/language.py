"""What a template may say: a part of Jinja whose cost can be told, checked when it is parsed.

Left out are macros, blocks that capture text, includes and recursive loops (text and depth without bound), calls of anything
but range(), and lists bound to a name (nested ones double at every step). Loops, `~`, `in` and slices are made to pay.
"""

from __future__ import annotations

from collections.abc import Container
from typing import cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

# no author can write these names of filters: they have a space in them
COUNTED = "counted iteration"
CONCATENATED = "counted concatenation"
CHARGED = "charged value"

ALLOWED = {
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.With,
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr,
    nodes.Filter, nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Call, nodes.Concat,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow,
}  # fmt: skip
INSTEAD = {
    "Macro": "macros are not available: write the lines out, or use a loop",
    "CallBlock": "{% call %} is not available",
    "AssignBlock": "{% set %} takes a value here: {% set x = … %}",
    "FilterBlock": "{% filter %} is not available: put the filter into the {{ }}",
}
DEEPEST = 60  # elements within elements
MOST_NESTED_LOOPS = 4


def check(tree: nodes.Template, *, filters: Container[str], tests: Container[str]) -> None:
    """Raises TemplateSyntaxError, with its line, at the first thing that a template may not say."""
    _Checker(filters, tests, _places_of_lists(tree)).visit(tree, depth=0, loops=0)


def instrument(tree: nodes.Template) -> nodes.Template:
    """The tree with every loop, `~`, `in` and slice paying for its work."""
    environment = tree.environment
    instrumented: nodes.Template = _Instrumenter().visit(tree)
    return instrumented.set_environment(environment) if environment else instrumented  # type: ignore[return-value]


def _places_of_lists(tree: nodes.Template) -> set[int]:
    """Where a list may be written: after the `in` of a loop or a comparison."""
    return {
        *(id(loop.iter) for loop in tree.find_all(nodes.For)),
        *(id(operand.expr) for operand in tree.find_all(nodes.Operand) if operand.op in ("in", "notin")),
    }


class _Checker:
    def __init__(self, filters: Container[str], tests: Container[str], lists: set[int]) -> None:
        self.filters, self.tests, self.lists = filters, tests, lists

    def visit(self, node: nodes.Node, *, depth: int, loops: int) -> None:
        problem = self._problem(node)
        if depth > DEEPEST:
            problem = "it is nested too deeply"
        if isinstance(node, nodes.For):
            loops += 1
            if loops > MOST_NESTED_LOOPS:
                problem = f"more than {MOST_NESTED_LOOPS} loops within each other"
        if problem:
            raise TemplateSyntaxError(problem, node.lineno)
        for child in node.iter_child_nodes():
            self.visit(child, depth=depth + 1, loops=loops)

    def _problem(self, node: nodes.Node) -> str | None:
        name, problem = type(node).__name__, None
        if type(node) not in ALLOWED:
            return INSTEAD.get(name, f"{name} is not available in templates")
        match node:
            case nodes.For(recursive=True):
                problem = "recursive loops are not available"
            case nodes.Call() if not _is_known_call(node.node):
                problem = "nothing but range() can be called; use a filter: {{ value | filter }}"
            case nodes.Filter() if node.name not in self.filters:
                problem = f"there is no filter {node.name}"
            case nodes.Test() if node.name not in self.tests:
                problem = f"there is no test {node.name}"
            case nodes.List() | nodes.Dict() | nodes.Tuple() if not self._may_be_listed(node):
                problem = "a list can only be written after `in`: {% for x in [1, 2] %}"
        return problem

    def _may_be_listed(self, node: nodes.Node) -> bool:
        return id(node) in self.lists or getattr(node, "ctx", "load") != "load"


def _is_known_call(called: nodes.Node) -> bool:
    if isinstance(called, nodes.Getattr):
        return isinstance(called.node, nodes.Name) and (called.node.name, called.attr) == ("loop", "cycle")
    return isinstance(called, nodes.Name) and called.name == "range"


class _Instrumenter(NodeTransformer):
    def visit_For(self, loop: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's names
        elements = 1 + sum(1 + _count(part) for part in (*loop.body, *([loop.test] if loop.test else [])))
        self.generic_visit(loop)
        loop.iter = _filtered(loop.iter, COUNTED, nodes.Const(elements))
        return loop

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), CONCATENATED)

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if node.op in ("in", "notin"):
            node.expr = _filtered(node.expr, CHARGED)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, CHARGED) if isinstance(node.arg, nodes.Slice) else node


def _count(node: nodes.Node) -> int:
    return sum(1 for _ in node.find_all(nodes.Node))


def _filtered(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", node), name, list(arguments), [], None, None, lineno=node.lineno)
