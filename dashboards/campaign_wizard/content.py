"""Step 2: what they get."""

from __future__ import annotations

import streamlit as st

from dashboards import data
from dashboards.campaign_wizard.draft import Draft
from dashboards.campaign_wizard.fields import keep, key_of
from dashboards.components.template_looks import ask_test, show_lint, show_preview


def ask_content(draft: Draft) -> str | None:
    """The template, seen as one of the audience; returns what is missing."""
    templates = {row["key"]: row["name"] for row in data.records("campaigns", "templates")}
    if not templates:
        return "There is no template yet: `engage template install` brings ten."
    choosing, looking = st.columns([3, 7], gap="medium")
    with choosing:
        keep(
            draft, "template",
            st.selectbox("Template", list(templates), format_func=templates.__getitem__, index=None, key=key_of(draft, "template")),
        )  # fmt: skip
        if draft.template:
            st.page_link(
                "views/templates.py",
                label="Its versions",
                icon=":material/history:",
                query_params={"template": draft.template},
            )
            show_lint(draft.template)
            newest = data.one("templates", "newest", key=draft.template)
            if newest:
                ask_test(newest["template_version_id"], key="wizard_test")
    with looking:
        if draft.template:
            show_preview(draft.template, key="wizard_look", segment=draft.segment)
    return None if draft.template else "A template is needed."
