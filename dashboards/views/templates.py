"""Templates: the list, and one as it looks, what was changed when, and going back."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.templates import versions
from dashboards import actions, data
from dashboards.components import words
from dashboards.components.frame import empty, friendly, title
from dashboards.components.template_looks import ask_test, show_lint, show_preview, show_version

VERSION = "template_version_"


def show_list() -> None:
    title("Templates", "What campaigns send. Each change is a version that is kept.")
    rows = data.ask("templates", "list_all")
    if rows.empty:
        empty("No template yet", "`engage template install` brings ten that are ready to be used.")
        return
    shown = pd.DataFrame(
        {
            "Template": "?template=" + rows["key"] + "#" + rows["name"], "Subject": rows["subject"], "Class": rows["message_class"],
            "Version": rows["version"], "Changed": rows["created_at"].map(words.local), "By": rows["created_by"], "Campaigns": rows["campaigns"],
        }
    )  # fmt: skip
    st.dataframe(
        shown, hide_index=True, width="stretch",
        column_config={
            "Template": st.column_config.LinkColumn(display_text=r"#(.*)", width="medium"),
            "Subject": st.column_config.TextColumn(width="large"),
        },
    )  # fmt: skip


def choose_version(key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The version to look at: the newest, or another."""
    by_number = {row["version"]: row for row in rows}

    def said(number: int) -> str:
        row = by_number[number]
        return f"{number} · {words.local(row['created_at'])} · {row['created_by']}{' · ' + row['change_note'] if row['change_note'] else ''}"

    return by_number[st.selectbox("Version", list(by_number), format_func=said, key=f"{VERSION}{key}")]


def show_changes(key: str, chosen: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """What one version changed against another, and going back to it."""
    numbers = [row["version"] for row in rows if row["version"] != chosen["version"]]
    if not numbers:
        st.caption("This is the only version.")
        return
    other = st.selectbox("Compare with version", numbers)
    with actions.refusals_shown(), actions.engage() as db:
        changes = versions.diff(db, key, min(other, chosen["version"]), max(other, chosen["version"]))
        for part in changes.values():
            st.code(part, language="diff", wrap_lines=True)
    if chosen["version"] != rows[0]["version"] and st.button(
        f"Go back to version {chosen['version']} …", icon=":material/undo:"
    ):
        confirm_rollback(key, chosen["version"])


@st.dialog("Go back to this version?")
def confirm_rollback(key: str, version: int) -> None:
    st.markdown(
        f"Version **{version}** of **{key}** becomes the newest again, as a version of its own. Runs that began keep theirs."
    )
    if st.button("Go back", type="primary"):
        with actions.refusals_shown():
            with actions.engage() as db, db.transaction():
                versions.rollback(db, key, version, actor=actions.ACTOR, now=actions.now())
            st.cache_data.clear()
            st.session_state.pop(f"{VERSION}{key}", None)
            st.rerun()


def show_one(key: str) -> None:
    st.page_link("views/templates.py", label="All templates", icon=":material/arrow_back:")
    rows = data.records("templates", "versions", key=key)
    if not rows:
        empty(f"There is no template {key}", "It may have been renamed. Choose one from the list.")
        return
    title(rows[0]["name"], f"{rows[0]['message_class'].capitalize()} · {key}")
    looking, telling = st.columns([7, 3], gap="medium")
    with telling:
        chosen = choose_version(key, rows)
        show_lint(key, chosen["version"])
        ask_test(chosen["template_version_id"], key="template_test")
        with st.expander("What was changed", icon=":material/difference:"):
            show_changes(key, chosen, rows)
        with st.expander("MJML", icon=":material/code:"):
            st.code(chosen["body_mjml"], language="xml", wrap_lines=True)
    with looking:
        if chosen is rows[0]:
            show_preview(key, key="template_look")
        else:
            show_version(chosen["template_version_id"], key="template_look")


with friendly():
    asked = st.query_params.get("template")
    if asked:
        show_one(asked)
    else:
        show_list()
