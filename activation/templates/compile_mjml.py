"""MJML to HTML, once per version. Jinja tokens go through it untouched."""

from __future__ import annotations

import re
from dataclasses import dataclass

import mjml

from activation.errors import Refused
from activation.templates.minify import TOKEN, minified


@dataclass(frozen=True)
class Problem:
    """Something wrong with a template: where, what, and how to mend it."""

    severity: str
    where: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.how}"


class TemplateInvalid(Refused):
    """A template that cannot be stored; `problems` lists all that is wrong."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        super().__init__(f"The template {name} cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems


def compile_mjml(source: str, *, name: str = "") -> str:
    """The HTML of an MJML source, minified. Raises TemplateInvalid with what the compiler said."""
    # MJML reads attributes and text as XML: a token is carried through as a word and put back afterwards
    tokens: list[str] = []

    def hide(found: re.Match[str]) -> str:
        tokens.append(found.group())
        return f"jinja0{len(tokens) - 1}0token"

    hidden = TOKEN.sub(hide, source)
    try:
        html: str = mjml.mjml2html(hidden, disable_comments=True)
    except (ValueError, TypeError) as error:
        how = "Every element needs its closing tag, and the source begins with <mjml><mj-body>."
        raise TemplateInvalid(name, [Problem("error", "body.mjml", f"MJML says: {error}", how)]) from None
    return minified(re.sub(r"jinja0(\d+?)0token", lambda found: tokens[int(found.group(1))], html))
