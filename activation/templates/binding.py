"""What is the same in all mails of a run becomes part of the compiled template, so that each mail makes less.

Constants (name of the sender, postal address …) are folded into the text around them. A recipient's links become marks in
that text, put in when it is made; they are bound only where a template prints them as they are: behind a filter or
in a condition they are values as ever.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.visitor import NodeTransformer

_STYLE_SAYS_MORE = re.compile(r"<(?:style|script)\b[^>]*>[^<]*[^\x00-\x7f<]", re.IGNORECASE)
LINKS = ("open_url", "click_url", "unsubscribe_url", "preferences_url")
# nobody can guess the mark, so no value of a contact holds it; plain ASCII keeps the text as small in memory as it was
MARK = f"~{secrets.token_hex(12)}~"
_PLACES = {name: MARK + str(number) for number, name in enumerate(LINKS)}


class Marked:
    """A fixed text with links in it: `with_links` puts those of a recipient there."""

    def __init__(self, text: str) -> None:
        first, *others = text.split(MARK)
        self._fixed = (first, *(other[1:] for other in others))
        # links and fixed texts lie behind each other, and are picked by turns: nothing of it runs in Python
        order = [
            len(LINKS),
            *(at for number, other in enumerate(others, 1) for at in (int(other[0]), len(LINKS) + number)),
        ]
        self._by_turns = itemgetter(*order)

    def with_links(self, links: tuple[str, ...]) -> str:
        """The text for these links, in the order of LINKS."""
        return "".join(self._by_turns(links + self._fixed))


Places = Mapping[str, Marked]  # fixed texts that have marks


def with_links(pieces: Iterable[str], places: Places, links: tuple[str, ...]) -> Iterator[str]:
    """The pieces that a template yields, with links, in the order of LINKS, in the places of their marks."""
    for piece in pieces:
        marked = places.get(piece)
        yield piece if marked is None else marked.with_links(links)


def bind(environment: Environment, source: str, constants: Mapping[str, str]) -> tuple[Template, Places]:
    """The compiled template, and the places of links in it. A name that the template itself sets is left alone."""
    tree = environment.parse(source)
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    if environment.autoescape and not _STYLE_SAYS_MORE.search(source):
        _in_ascii(tree)
    for output in tree.find_all(nodes.Output):
        for place, child in enumerate(output.nodes):
            if isinstance(child, nodes.Name) and child.name in _PLACES and child.name not in own:
                output.nodes[place] = nodes.Const(_PLACES[child.name], lineno=child.lineno)
    tree = _Binder({name: value for name, value in constants.items() if name not in own}).visit(tree)
    tree.set_environment(environment)
    code = environment.compile(tree)
    template = Template.from_code(environment, code, environment.make_globals(None))
    fixed = template.root_render_func.__code__.co_consts
    return template, {text: Marked(text) for text in fixed if isinstance(text, str) and MARK in text}


def _in_ascii(tree: nodes.Template) -> None:
    """Writes what HTML can say with references in ASCII: such a text takes a quarter of the memory and no recoding."""
    for fixed in tree.find_all(nodes.TemplateData):
        if not fixed.data.isascii():
            fixed.data = fixed.data.encode("ascii", "xmlcharrefreplace").decode()


class _Binder(NodeTransformer):
    def __init__(self, constants: Mapping[str, str]) -> None:
        self._constants = constants

    def visit_Name(self, node: nodes.Name, *_: Any) -> nodes.Node:  # noqa: N802 - Jinja's way to name visitors
        if node.ctx == "load" and node.name in self._constants:
            return nodes.Const(self._constants[node.name], lineno=node.lineno)
        return node
