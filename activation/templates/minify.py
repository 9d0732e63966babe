"""Smaller HTML that looks the same."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)

# what must stay as it is: text whose spaces show, code, what only Outlook reads, tokens, and whole tags with their attributes
_KEPT = re.compile(
    rf"<(pre|textarea|style|script)\b.*?</\1\s*>|<!--.*?-->|{TOKEN.pattern}|<(?:{TOKEN.pattern}|[^<>])*>",
    re.DOTALL | re.IGNORECASE,
)
_OUTLOOK = r"<!--\[if mso \| IE\]>((?:(?!-->).)*?)<!\[endif\]-->"
_NEIGHBOURS = re.compile(rf"{_OUTLOOK}(?:\s*{_OUTLOOK})+", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n\f]+")


def minified(html: str) -> str:
    """The HTML with its indentation collapsed and neighbouring parts for Outlook joined, as MJML's own compiler does.

    Spaces between words and inline elements stay one space; between the elements of the head they go. A mail that shows its
    own line breaks (`white-space: pre…`) keeps all of them.
    """
    html = _NEIGHBOURS.sub(_joined, html)
    if re.search(r"white-space\s*:\s*(pre|break-spaces)", html):
        return html
    end_of_head = html.find("</head>") + len("</head>") if "</head>" in html else 0
    return _collapsed(html[:end_of_head], "") + _collapsed(html[end_of_head:], " ")


def _joined(neighbours: re.Match[str]) -> str:
    parts = re.findall(_OUTLOOK, neighbours.group(), re.DOTALL)
    return f"<!--[if mso | IE]>{''.join(parts)}<![endif]-->"


def _collapsed(html: str, space: str) -> str:
    parts, at = [], 0
    for kept in _KEPT.finditer(html):
        parts += [_outside(html[at : kept.start()], space), kept.group()]
        at = kept.end()
    return "".join([*parts, _outside(html[at:], space)])


def _outside(text: str, space: str) -> str:
    return space if text.isspace() else _SPACE.sub(" ", text)
