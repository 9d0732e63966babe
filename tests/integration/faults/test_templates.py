"""Faults 37, 54 and 64: templates and contacts that would break, split or blow up a mail harm that mail alone."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from activation.delivery.compose import Composer, Envelope
from activation.errors import Refused
from activation.templates import versions
from activation.templates.render import RenderError
from activation.tracking.links import target
from activation.tracking.tokens import Links
from tests.factories import engage as given

LINKS = Links(public_url="https://engage.example.com", secrets=["s" * 40])
COMPOSER = Composer(LINKS, "demo", "Via Roma 1")
BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>%s <a href='https://shop.dev/{{ city }}'>Shop</a> {{ postal_address }} "
    "<a href='{{ unsubscribe_url }}'>Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>"
)
TEXT = "{{ unsubscribe_url }} {{ postal_address }}"


def stored(engage_db, subject="Hello {{ first_name }}", body="Hello", text=TEXT):
    saved = versions.save(
        engage_db, key="news", name="News", subject=subject, preheader="What is new", body_mjml=BODY % body, body_text=text,
        actor="test", now=given.NOW,
    )  # fmt: skip
    return versions.load(engage_db, saved.template_version_id)


def composed(version, message_id=7, **values):
    values = {"first_name": "Ada", "city": "Rome", "last_order_at": None, "orders_count": 1, **values}
    return COMPOSER.compose(
        Envelope(1, "news", "News", "Demo Shop <shop@demo.dev>"), version, message_id, "ada@demo.dev", values
    )


@pytest.mark.parametrize("wrong", [5, "not a date", {"a": 1}, "9999-99-99"])
def test_37_a_value_of_the_wrong_type_fails_its_own_mail_and_no_other(engage_db, wrong):
    version = stored(engage_db, body="{{ last_order_at | date_long }}")

    with pytest.raises(RenderError, match="html: "):
        composed(version, last_order_at=wrong)
    assert "3 March 2026" in composed(version, last_order_at="2026-03-03").html


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{{ first_name.upper() }}",
        "{{ 10**9 * 'x' }}",
        "{% for i in range(1000) %}{{ 'x' * 90000 }}{% endfor %}",
    ],
)
def test_54_a_hostile_template_is_refused_or_costs_its_own_mail(engage_db, body):
    with pytest.raises((Refused, RenderError)):
        composed(stored(engage_db, body=body))


def test_54_a_missing_token_is_refused_when_the_template_is_stored(engage_db):
    with pytest.raises(Refused, match="unknown token {{ frist_name }}"):
        stored(engage_db, subject="Hello {{ frist_name }}")


@pytest.mark.parametrize("name", ["Ada\r\nBcc: all@demo.dev", "Ada\nX: y", "Ada\x00", "Ada\u2028X"])
def test_54_a_name_with_a_line_break_never_reaches_a_header(engage_db, name):
    with pytest.raises(RenderError, match="breaks the line"):
        composed(stored(engage_db), first_name=name)


def test_54_a_subject_of_two_lines_is_refused_when_stored(engage_db):
    with pytest.raises(Refused, match="more than one line"):
        stored(engage_db, subject="Hello\r\nBcc: all@demo.dev")


def test_64_a_javascript_link_is_refused_when_stored(engage_db):
    with pytest.raises(Refused, match="runs code"):
        stored(engage_db, body='<a href="javascript:alert(1)">x</a>')


@pytest.mark.parametrize("city", ["x\r\nLocation: https://evil.dev", "x\\y", "\x00"])
def test_64_a_link_made_of_a_hostile_value_leads_nowhere(engage_db, city):
    version = stored(engage_db)

    assert target(version.links, 1, {"city": city}) is None
    assert target(version.links, 1, {"city": "Rome"}) == "https://shop.dev/Rome"


def test_a_mail_is_whole_for_a_mail_parser_and_its_links_lead_where_the_template_says(engage_db):
    version = stored(engage_db, subject="Grüße, {{ first_name }}")
    mail = composed(version, first_name="Zoë <3")

    message = EmailMessage()
    message["Subject"] = mail.subject
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    read = message_from_bytes(message.as_bytes(), policy=policy.default)
    html = read.get_body(("html",)).get_content()

    assert read["Subject"] == "Grüße, Zoë <3"
    own = LINKS.of(7)
    assert f'href="{own.click}-1"' in html
    assert f'href="{own.unsubscribe}"' in html
    assert f'src="{own.open}"' in html
    assert version.links == ("https://shop.dev/{{ city }}",)


def test_the_same_message_is_made_of_the_same_bytes_again(engage_db):
    version = stored(engage_db)

    assert composed(version) == composed(versions.load(engage_db, version.template_version_id))
