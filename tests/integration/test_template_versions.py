"""Stored templates: versions, what changed between them, the way back, and looking at one before it is sent."""

from __future__ import annotations

import asyncio

import pytest

from activation.channels.contract import Accepted, Limits, NotProcessed
from activation.errors import NotFound, Refused
from activation.templates import versions
from activation.templates.library import install_library, library
from activation.templates.preview import SAMPLE_LINKS, as_test, preview, rendered, sample_values, send_test
from tests.factories import engage as given

SENDER = {"sender": "Demo Shop <shop@demo.dev>", "postal_address": "Via Roma 1"}


def save(db, subject="One", **parts):
    content = {
        "key": "news", "name": "News", "preheader": "What is new", "body_mjml": given.MJML,
        "body_text": "{{ unsubscribe_url }} {{ postal_address }}", "actor": "ada", "now": given.NOW, **parts,
    }  # fmt: skip
    return versions.save(db, subject=subject, **content)


def test_history_tells_who_changed_what_and_why(engage_db):
    save(engage_db)
    save(engage_db, "Two", change_note="shorter", actor="bob")

    entries = versions.history(engage_db, "news")
    assert [(e.version, e.subject, e.change_note, e.created_by) for e in entries] == [
        (2, "Two", "shorter", "bob"),
        (1, "One", "", "ada"),
    ]


def test_the_same_content_is_no_new_version(engage_db):
    first = save(engage_db)

    again = save(engage_db, change_note="nothing")
    assert (again.version, again.changed, again.template_version_id) == (1, False, first.template_version_id)


def test_rollback_stores_the_old_content_as_the_newest_and_says_so(engage_db):
    save(engage_db)
    save(engage_db, "Two")

    saved = versions.rollback(engage_db, "news", 1, actor="ada", now=given.NOW)
    assert (saved.version, saved.changed) == (3, True)
    assert versions.history(engage_db, "news")[0].change_note == "back to version 1"
    assert versions.newest(engage_db, "news").subject == "One"
    assert versions.diff(engage_db, "news", 1, 3) == {}


def test_a_diff_names_the_parts_that_differ(engage_db):
    save(engage_db)
    save(engage_db, "Two", body_text="New {{ unsubscribe_url }}\n{{ postal_address }}")

    changes = versions.diff(engage_db, "news", 1, 2)
    assert list(changes) == ["subject", "body_text"]
    assert changes["subject"].splitlines() == [
        "--- subject of version 1", "+++ subject of version 2", "@@ -1 +1 @@", "-One", "+Two",
    ]  # fmt: skip


def test_what_does_not_exist_is_named_with_what_does(engage_db):
    save(engage_db)

    with pytest.raises(NotFound, match="no template nws. There are: news"):
        versions.history(engage_db, "nws")
    with pytest.raises(NotFound, match="no version 7; its versions are 1 to 1"):
        versions.rollback(engage_db, "news", 7, actor="ada", now=given.NOW)


def test_a_template_keeps_its_class_also_when_it_is_changed(engage_db):
    save(engage_db, key="receipt", body_mjml=given.MJML, message_class="transactional")

    save(engage_db, "Two", key="receipt", body_text="no link needed")
    assert versions.content(engage_db, "receipt").message_class == "transactional"
    with pytest.raises(Refused, match="receipt is transactional"):
        save(engage_db, "Three", key="receipt", message_class="marketing")


def test_a_stored_version_knows_its_links_and_comes_back_equal(engage_db):
    body = given.MJML.replace("</mj-text>", '<a href="https://shop.dev/{{ city }}">Shop</a></mj-text>')

    saved = save(engage_db, body_mjml=body)
    assert versions.load(engage_db, saved.template_version_id).links == ("https://shop.dev/{{ city }}",)
    assert hash(versions.newest(engage_db, "news")) == hash(versions.load(engage_db, saved.template_version_id))


def test_the_library_is_stored_with_its_classes_and_once(engage_db):
    first = install_library(engage_db, actor="ada", now=given.NOW)
    again = install_library(engage_db, actor="ada", now=given.NOW)

    assert len(first) == len(library()) >= 10
    assert [version.changed for version in again] == [False] * len(first)
    assert versions.content(engage_db, "order_confirmation").message_class == "transactional"


def test_a_preview_shows_a_contact_what_the_contact_would_get(engage_db):
    given.build(engage_db)
    given.add_contact(engage_db, 1, first_name="Zoë", orders_count=3)
    save(engage_db, "{{ orders_count }} orders, {{ first_name }}")

    mail = preview(engage_db, "news", 1, **SENDER)
    assert mail.subject == "3 orders, Zoë"
    assert SAMPLE_LINKS["unsubscribe_url"] in mail.html
    with pytest.raises(NotFound, match="no contact 2"):
        preview(engage_db, "news", 2, **SENDER)


def test_a_preview_of_a_template_without_contact_tokens_needs_no_value(engage_db):
    given.build(engage_db)
    given.add_contact(engage_db, 1)
    save(engage_db, body_mjml=given.MJML.replace('{{ first_name | default("there", true) }}', ""))

    assert preview(engage_db, "news", 1, **SENDER).subject == "One"


def test_a_contact_that_does_not_fit_is_refused_in_words(engage_db):
    given.build(engage_db)
    given.add_contact(engage_db, 1, first_name="a\nb")
    save(engage_db, "Hello {{ first_name }}")

    with pytest.raises(Refused, match="a value breaks the line"):
        preview(engage_db, "news", 1, **SENDER)


class Recording:
    name, channel, limits = "recording", "email", Limits(100, 0)

    def __init__(self, answer):
        self.answer, self.sent = answer, []

    def encode(self, mails):
        self.mails = mails
        return repr(mails).encode()

    async def send(self, body, *, size, idempotency_key):
        self.sent.append((body, size, idempotency_key))
        return self.answer


def test_a_test_mail_is_marked_handed_over_once_and_stands_in_no_outbox(engage_db):
    save(engage_db, "Hello {{ first_name | default('you', true) }}")
    version = versions.newest(engage_db, "news")
    mail = as_test(rendered(version, sample_values(version), **SENDER), sender=SENDER["sender"], to="me@demo.dev",
                   unsubscribe_url=SAMPLE_LINKS["unsubscribe_url"])  # fmt: skip
    channel = Recording(Accepted(["id"]))

    answer = asyncio.run(send_test(channel, mail, workspace="demo", now=given.NOW))
    assert answer == Accepted(["id"])
    assert [(size, key.startswith("demo/test/")) for _, size, key in channel.sent] == [(1, True)]
    assert channel.mails[0].subject == "[Test] Hello Ada"
    assert channel.mails[0].headers["List-Unsubscribe"] == f"<{SAMPLE_LINKS['unsubscribe_url']}>"
    assert engage_db.execute("select count(*) from engage.campaign_messages").fetchone() == (0,)


def test_a_channel_that_refuses_a_test_mail_is_not_asked_again(engage_db):
    save(engage_db)
    version = versions.newest(engage_db, "news")
    mail = as_test(rendered(version, {}, **SENDER), sender="a@b.dev", to="me@demo.dev", unsubscribe_url="https://e.dev/u")  # fmt: skip
    channel = Recording(NotProcessed(None, "no key"))

    assert asyncio.run(send_test(channel, mail, workspace="demo", now=given.NOW)).words == "no key"
    assert len(channel.sent) == 1
