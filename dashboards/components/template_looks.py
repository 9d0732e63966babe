"""A template's newest version, or another: as a contact gets it, what the lint says, and a test mail."""

from __future__ import annotations

import streamlit as st

from activation.errors import Refused
from activation.templates import versions
from activation.templates.lint import lint
from activation.templates.render import RenderError
from dashboards import actions, data
from dashboards.components import words
from dashboards.components.mail_preview import ask_contact, show_mail


def show_preview(template: str, *, key: str, segment: str | None = None, version: int | None = None) -> None:
    """As one contact gets it: somebody of the segment unless another is named."""
    contact_id = ask_contact(key, segment)
    if contact_id is None:
        return
    try:
        with actions.engage() as db:
            mail = versions.preview(db, template, contact_id=contact_id, version=version, now=actions.now())
    except (Refused, RenderError) as error:
        st.error(f"This contact's mail cannot be made: {words.plain(str(error))}", icon=":material/block:")
        return
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


def ask_test(template: str, *, key: str, version: int | None = None) -> None:
    """One mail to one address, outside every cap, with "Test" in its subject."""
    with st.form(key):
        address = st.text_input("Send a test to", placeholder="you@company.com")
        if st.form_submit_button("Send test", icon=":material/send:") and address.strip():
            with actions.refusals_shown(), actions.engage() as db:
                st.success(send_test(db, template, to=address.strip(), version=version, now=actions.now()))
