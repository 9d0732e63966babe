"""Links of templates: which are counted, how the mail names them, and where a counted one leads."""

from __future__ import annotations

import jinja2
import pytest

from activation.templates.compile_mjml import compile_mjml
from activation.templates.links import counted, links_in
from activation.templates.render import CompiledMail, Version
from activation.tracking.links import target
from activation.tracking.tokens import Links

OWN = Links(public_url="https://engage.example.com", secrets=["s" * 40]).of(7)
VALUES = {
    "unsubscribe_url": OWN.unsubscribe,
    "preferences_url": OWN.preferences,
    "open_url": OWN.open,
    "click_url": OWN.click,
}


def rendered(html, **tokens):
    return CompiledMail(Version(1, "k", "Hi", "", html, "x", links_in(html))).render({**VALUES, **tokens}).html


@pytest.mark.parametrize(
    ("html", "links"),
    [
        ('<a href="https://a.dev">1</a><a class="b" href="http://b.dev">2</a>', ("https://a.dev", "http://b.dev")),
        ('<a href="https://a.dev">1</a><a href="https://b.dev">2</a><a href="https://a.dev">3</a>', ("https://a.dev", "https://b.dev")),
        ("<A HREF='https://a.dev'>single quotes</A>", ("https://a.dev",)),
        ('<a href="https://a.dev/?a=1&amp;b=2">as a browser reads it</a>', ("https://a.dev/?a=1&b=2",)),
        ('<a href="https://a.dev/?c={{ city | default("x>y") }}">quotes inside</a>', ('https://a.dev/?c={{ city | default("x>y") }}',)),
        ('<a href="{% if plan == "pro" %}https://a.dev{% else %}https://b.dev{% endif %}">x</a>',
         ('{% if plan == "pro" %}https://a.dev{% else %}https://b.dev{% endif %}',)),
        ('<a href="mailto:x@y.dev">1</a><a href="tel:1">2</a><a href="#top">3</a><a name="x">4</a>', ()),
        ('<a href="{{ unsubscribe_url }}">1</a><a href="{{ preferences_url }}">2</a>', ()),
        ('{% for code in ["a", "b"] %}<a href="https://a.dev/{{ code }}">x</a>{% endfor %}', ()),
        ('{% set city = "x" %}<a href="https://a.dev/{{ city }}">x</a>', ()),
        ('<abbr href="https://a.dev">x</abbr><link href="https://a.dev"><a data-href="https://a.dev">x</a>', ()),
        ('<!--[if mso]><a href="https://a.dev">for Outlook</a><![endif]-->', ("https://a.dev",)),
    ],
)  # fmt: skip
def test_links_that_can_be_counted_are_found_in_order_and_once(html, links):
    assert links_in(html) == links


def test_a_counted_link_is_named_by_its_place_and_the_others_stay():
    html = rendered(
        '<a href="https://a.dev/?a=1&amp;b=2" style="x">1</a><a href="https://b.dev">2</a><a href="https://a.dev/?a=1&amp;b=2">3</a>'
        '<a href="{{ unsubscribe_url }}">4</a><a href="tel:1">5</a>'
    )

    assert html.startswith(
        f'<a href="{OWN.click}-1" style="x">1</a><a href="{OWN.click}-2">2</a><a href="{OWN.click}-1">3</a>'
        f'<a href="{OWN.unsubscribe}">4</a><a href="tel:1">5</a>'
    )


def test_pixel_and_hidden_link_stand_once_at_the_end_of_the_body():
    html = rendered("<html><body><p>Hello</p></body></html>")

    assert html.endswith("</body></html>")
    assert html.count(f'<img src="{OWN.open}" width="1" height="1" alt=""') == 1
    assert html.count(f'<a href="{OWN.click}-0" tabindex="-1" aria-hidden="true" style="display:none') == 1


def test_a_version_stored_before_links_were_counted_keeps_its_addresses():
    assert counted('<a href="https://a.dev">x</a>', ()).startswith('<a href="https://a.dev">x</a>')


def test_the_text_part_keeps_its_addresses():
    mail = CompiledMail(Version(1, "k", "Hi", "", "<p>x</p>", "Go: https://a.dev", ("https://a.dev",))).render(VALUES)

    assert mail.text == "Go: https://a.dev"


def test_links_of_mjml_survive_the_compiler():
    html = compile_mjml(
        '<mjml><mj-body><mj-section><mj-column><mj-button href="https://a.dev/?a=1&amp;c={{ city | default("x", true) }}">x</mj-button>'
        "</mj-column></mj-section></mj-body></mjml>"
    )

    assert links_in(html) == ('https://a.dev/?a=1&c={{ city | default("x", true) }}',)
    assert f'href="{OWN.click}-1"' in rendered(html, city="Rome")


@pytest.mark.parametrize(
    ("link", "tokens", "address"),
    [
        ("https://a.dev/x?y=1#z", {}, "https://a.dev/x?y=1#z"),
        ("https://a.dev/?c={{ city }}", {"city": "Río & x"}, "https://a.dev/?c=R%C3%ADo%20&%20x"),
        ("https://a.dev/?c={{ city | urlencode }}", {"city": "Río & x"}, "https://a.dev/?c=R%C3%ADo%20%26%20x"),
        ("https://a.dev/?utm_campaign={{ campaign_name }}", {"campaign_name": "Spring"}, "https://a.dev/?utm_campaign=Spring"),
        ("HTTPS://A.dev/%20", {}, "HTTPS://A.dev/%20"),
        ("http://a.dev:8080", {}, "http://a.dev:8080"),
        (" https://a.dev ", {}, "https://a.dev"),
    ],
)  # fmt: skip
def test_a_counted_link_leads_where_the_mail_did(link, tokens, address):
    assert target([link], 1, tokens) == address


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.dev", "/evil", "https:evil.dev", "https:///evil.dev",
        "https://good.dev@evil.dev", "https://user:pw@evil.dev", "https://good.dev\\@evil.dev", "https:\\\\evil.dev",
        "https://a.dev/\r\nSet-Cookie: x", "https://a.dev/\x00", "https://a.dev/\x85", "https://a.dev/\u2028", "\thttps://a.dev",
        "https://a.dev:port", "https://[::1", "https://gооd.dev", "https://a b.dev", "https://a%2edev", "", "ftp://a.dev",
    ],
)  # fmt: skip
def test_a_link_leads_nowhere_unless_it_is_a_plain_web_address(value):
    assert target(["{{ company }}"], 1, {"company": value}) is None


@pytest.mark.parametrize("number", [0, -1, 2, 10**9])
def test_a_number_that_the_mail_does_not_have_leads_nowhere(number):
    assert target(["https://a.dev"], number, {}) is None


@pytest.mark.parametrize(
    "link", ["https://a.dev/{{ city }}", "https://a.dev/{{ 'x' * 10**7 }}", "https://a.dev/{{ ''.__class__ }}"]
)
def test_a_link_that_cannot_be_made_leads_nowhere(link):
    assert target([link], 1, {}) is None


@pytest.mark.parametrize(
    "body",
    [
        "<p>{{ unsubscribe_url }}</p><p>{{ unsubscribe_url }}</p>{{ preferences_url }}{{ unsubscribe_url }}",
        "{% for tag in tags %}<a href='{{ unsubscribe_url }}'>{{ tag }}</a>{{ preferences_url }}{% else %}none{% endfor %}",
        "{% for tag in tags if tag != 'b' %}{% for n in range(2) %}{{ unsubscribe_url }}{{ n }}{% endfor %}{% endfor %}",
        "{% if city == 'Rome' %}{{ unsubscribe_url }}{% elif city %}{{ preferences_url }}{% else %}x{% endif %}",
        "{% with x = unsubscribe_url %}{{ x }}{{ preferences_url }}{% endwith %}",
        "{% set unsubscribe_url = 'mine' %}{{ unsubscribe_url }} {{ preferences_url }}",
        "{{ unsubscribe_url | upper }}{{ unsubscribe_url ~ '!' }}{{ 'a' if city else unsubscribe_url }}{{ unsubscribe_url }}",
        "{{ unsubscribe_url }}",
        "no link",
    ],
)
def test_wherever_a_link_stands_the_mail_is_what_jinja_alone_makes(body):
    version = Version(1, "v", "{{ city }} {{ unsubscribe_url }}", "", body, body)
    values = {**VALUES, "city": "Milan & Turin", "tags": ["a", "b", "c<"]}

    made = CompiledMail(version).render(values)

    for text, escapes in ((made.html, True), (made.text, False)):
        jinja = jinja2.Environment(autoescape=escapes, undefined=jinja2.StrictUndefined)
        assert text.partition(f'<a href="{OWN.click}-0"')[0] == jinja.from_string(body).render(values)
    assert made.subject == f"Milan & Turin {OWN.unsubscribe}"
