"""Minified HTML: smaller where nobody sees it, untouched where somebody does."""

from __future__ import annotations

import pytest

from activation.templates.compile_mjml import compile_mjml
from activation.templates.library import library
from activation.templates.minify import minified


@pytest.mark.parametrize(
    ("html", "smaller"),
    [
        ("<td>\n      <b>a</b>\n      <i>b</i>\n</td>", "<td> <b>a</b> <i>b</i> </td>"),
        ("<head>\n  <title>x</title>\n  <meta a='1'>\n</head>\n<body>", "<head><title>x</title><meta a='1'></head> <body>"),
        ("<p>two\n     words</p>", "<p>two words</p>"),
        ("<pre>a\n  b</pre>", "<pre>a\n  b</pre>"),
        ("<style>\na { }\n\n b { }</style>", "<style>\na { }\n\n b { }</style>"),
        ("<!--[if mso]>\n  <xml>\n  </xml>\n<![endif]-->", "<!--[if mso]>\n  <xml>\n  </xml>\n<![endif]-->"),
        ("<!--[if mso | IE]></td><![endif]-->\n<!--[if mso | IE]><td><![endif]-->", "<!--[if mso | IE]></td><td><![endif]-->"),
        ("<!--[if mso]>a<![endif]--><!--[if mso | IE]>b<![endif]-->", "<!--[if mso]>a<![endif]--><!--[if mso | IE]>b<![endif]-->"),
        ("<!--[if !mso]><!-->a<!--<![endif]--><!--[if mso | IE]>b<![endif]-->", "<!--[if !mso]><!-->a<!--<![endif]--><!--[if mso | IE]>b<![endif]-->"),
        ("{{ 'a\n   b' }}", "{{ 'a\n   b' }}"),
        ("<a title='x\n   y'>", "<a title='x\n   y'>"),
        ("<a title='{{ 1 > 0 }}\n   y'>", "<a title='{{ 1 > 0 }}\n   y'>"),
        ("<p style='white-space: pre-line'>a\n  b</p>", "<p style='white-space: pre-line'>a\n  b</p>"),
        ("a\u00a0\u00a0b", "a\u00a0\u00a0b"),
    ],
)  # fmt: skip
def test_only_spaces_that_nobody_sees_go(html, smaller):
    assert minified(html) == smaller


def test_a_second_time_changes_nothing():
    html = compile_mjml(library()[0].body_mjml)

    assert minified(html) == html
