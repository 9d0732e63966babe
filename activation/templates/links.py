"""The links of a compiled template: found once when it is stored, and replaced by ones that count the click."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape, unescape
from urllib.parse import quote, urlsplit

from jinja2 import TemplateSyntaxError, nodes

from activation.templates.minify import TOKEN
from activation.templates.sandbox import HTML
from activation.templates.tokens import KNOWN_TOKENS, LINK_TOKENS, tokens_in

# a token may hold quotes and `>`, so it counts as one character wherever it stands
_PIECE = TOKEN.pattern
_ANCHOR = re.compile(rf"<a\s(?:{_PIECE}|[^>])*>", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(
    rf"""(?P<before>\shref\s*=\s*)(?:"(?P<double>(?:{_PIECE}|[^"])*)"|'(?P<single>(?:{_PIECE}|[^'])*)')""",
    re.DOTALL | re.IGNORECASE,
)
# what RFC 3986 lets stand in an address; the rest is written as %XX, as a browser does
_KEPT = "%:/?#[]@!$&'()*+,;=-._~"
_FOLLOWED = re.compile(r"https?://|\{\{|\{%", re.IGNORECASE)

# scanners follow every link; a person neither sees this one nor reaches it with the keyboard
HONEYPOT = (
    '<a href="{{ click_url }}-0" tabindex="-1" aria-hidden="true" '
    'style="display:none;max-height:0;overflow:hidden;mso-hide:all"></a>'
)
PIXEL = (
    '<img src="{{ open_url }}" width="1" height="1" alt="" '
    'style="display:block;width:1px;height:1px;border:0;overflow:hidden" />'
)


def links_in(html: str) -> tuple[str, ...]:
    """The addresses whose clicks can be counted, tokens untouched, in order, each once.

    Left out: mailto:, tel: and # links, the links of the recipient's own (unsubscribe_url and the like), and addresses made
    of names that only exist inside the template (a loop's), which cannot be told from the stored values of a message.
    """
    local = _names_set_in(html)
    found: dict[str, None] = {}

    def note(address: str) -> None:
        if _FOLLOWED.match(address) and _is_told_by_values(address, local):
            found[address] = None

    _each_address(html, note)
    return tuple(found)


def counted(html: str, links: Sequence[str]) -> str:
    """The HTML with link N (from 1) replaced by `{{ click_url }}-N`, with the link for scanners and the open pixel."""
    numbers = {address: number for number, address in enumerate(links, start=1)}

    def replace(address: str) -> str | None:
        number = numbers.get(address)
        return f"{{{{ click_url }}}}-{number}" if number else None

    rewritten = _each_address(html, replace)
    end = rewritten.rfind("</body>")
    end = len(rewritten) if end < 0 else end
    return rewritten[:end] + HONEYPOT + PIXEL + rewritten[end:]


def web_address(address: str) -> str | None:
    """The address as it may stand in a Location header; None unless it names an http or https host and hides nothing."""
    if not address.isprintable() or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not address[len(parts.scheme) :].startswith("://"):
        return None
    if not host or not host.isascii() or "@" in parts.netloc or any(mark in parts.netloc for mark in " %<>\"'"):
        return None
    return quote(address, safe=_KEPT)


def _each_address(html: str, change: Callable[[str], str | None]) -> str:
    """Calls `change` with every address of an <a>, as a browser reads it; what it returns takes the address's place."""

    def one(found: re.Match[str]) -> str:
        raw = found["double"] if found["double"] is not None else found["single"]
        changed = change(_outside_tokens(raw, unescape).strip())
        return found.group() if changed is None else f'{found["before"]}"{_outside_tokens(changed, escape)}"'

    return _ANCHOR.sub(lambda anchor: _HREF.sub(one, anchor.group()), html)


def _outside_tokens(source: str, change: Callable[[str], str]) -> str:
    """The source with everything changed but its tokens."""
    parts, at = [], 0
    for token in TOKEN.finditer(source):
        parts += [change(source[at : token.start()]), token.group()]
        at = token.end()
    return "".join([*parts, change(source[at:])])


def _is_told_by_values(address: str, local: set[str]) -> bool:
    try:
        used = tokens_in(address)
    except TemplateSyntaxError:
        return False  # only a part of an expression that goes on outside of the address
    return used.isdisjoint(local) and used.isdisjoint(LINK_TOKENS) and used <= KNOWN_TOKENS.keys()


def _names_set_in(html: str) -> set[str]:
    return {name.name for name in HTML.parse(html).find_all(nodes.Name) if name.ctx != "load"}
