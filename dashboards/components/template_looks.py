"""A template's version as a contact gets it, what the lint says of it, and a test mail."""

from __future__ import annotations

import asyncio

import streamlit as st

from activation.channels.contract import Accepted, Answer, Channel, Mail, Refused
from activation.delivery.configure import delivery_from
from activation.templates import preview, versions
from activation.templates.lint import lint
from dashboards import actions, data
from dashboards.components import words
from dashboards.components.mail_preview import ask_contact, show_mail
from engage_db.settings import load_settings


def show_preview(template: str, *, key: str, segment: str | None = None) -> None:
    """The newest version as one contact gets it: somebody of the segment unless another is named."""
    contact_id = ask_contact(key, segment)
    if contact_id is None:
        return
    settings = load_settings()
    with actions.refusals_shown():
        with actions.engage() as db:
            mail = preview.preview(
                db, template, contact_id, sender=settings.mail_from, postal_address=settings.postal_address
            )
        show_mail(mail.subject, mail.html, mail.text, key)


def show_version(template_version_id: int, *, key: str) -> None:
    """Any version, with the example of each value."""
    st.caption("An older version, with example values.")
    mail = _with_examples(template_version_id)
    show_mail(mail.subject, mail.html, mail.text, key)


def show_lint(template: str, version: int | None = None) -> None:
    """What is wrong with a version, the newest unless another is chosen."""
    rows = data.records("templates", "versions", key=template)
    chosen = next((row for row in rows if version in (None, row["version"])), None)
    if chosen is None:
        return
    problems = lint(
        subject=chosen["subject"], preheader=chosen["preheader"], html=chosen["body_html"], text=chosen["body_text"],
        message_class=chosen["message_class"],
    )  # fmt: skip
    if not problems:
        st.markdown(":green[:material/check_circle:] The lint finds nothing wrong.")
    for problem in problems:
        mark = ":red[:material/error:]" if problem.severity == "error" else ":orange[:material/warning:]"
        st.markdown(f"{mark} **{problem.where}**: {words.plain(problem.what)}. {words.plain(problem.how)}")


def ask_test(template_version_id: int, *, key: str) -> None:
    """One mail with example values to one address: marked as a test, never capped, in no statistics."""
    with st.form(key):
        address = st.text_input("Send a test to", placeholder="you@company.com").strip()
        if not st.form_submit_button("Send test", icon=":material/send:") or not address:
            return
    with actions.refusals_shown():
        settings = load_settings()
        mail = preview.as_test(
            _with_examples(template_version_id), sender=settings.mail_from, to=address,
            unsubscribe_url=preview.SAMPLE_LINKS["unsubscribe_url"],
        )  # fmt: skip
        channel = delivery_from(settings, actions.now).channels[settings.mail_provider]
        _tell(asyncio.run(_send(channel, mail, settings.workspace_name)), channel.name)


def _with_examples(template_version_id: int) -> preview.RenderedMail:
    settings = load_settings()
    with actions.engage() as db:
        version = versions.load(db, template_version_id)
    return preview.rendered(
        version, preview.sample_values(version), sender=settings.mail_from, postal_address=settings.postal_address
    )


async def _send(channel: Channel, mail: Mail, workspace: str) -> Answer:
    try:
        return await preview.send_test(channel, mail, workspace=workspace, now=actions.now())
    finally:
        await channel.close()


def _tell(answer: Answer, provider: str) -> None:
    refused = (
        next((each for each in answer.results if isinstance(each, Refused)), None)
        if isinstance(answer, Accepted)
        else answer
    )
    if refused is None:
        st.success(f"{provider} took it.", icon=":material/mark_email_read:")
    else:
        st.error(f"{provider} did not take it: {words.plain(refused.words)}", icon=":material/block:")
