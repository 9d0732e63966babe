"""A rendered mail as it looks on a telephone or in a mail program, in a frame that runs nothing of it."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboards import data
from dashboards.components import words

WIDTHS = {375: "Telephone", 640: "Mail program", 0: "Text only"}
HEIGHT = 620
# no scripts and an origin of its own: what a template or a contact's value says stays inside
FRAME = (
    "<style>body{{margin:0}}iframe{{box-sizing:border-box;width:100%;height:{1}px;border:1px solid #d5d6de;border-radius:8px;background:#fff}}"
    '</style><iframe sandbox="" title="Mail" srcdoc="{0}"></iframe>'
)


def show_mail(subject: str, html: str, text: str, key: str) -> None:
    """The subject and the mail, at the width that is chosen."""
    width = st.segmented_control(
        "Look at it as", list(WIDTHS), format_func=WIDTHS.__getitem__, default=375, key=f"{key}_width", label_visibility="collapsed",
        required=True,
    )  # fmt: skip
    st.markdown(f"**{words.plain(subject)}**")
    if not width:
        st.code(text, language=None, wrap_lines=True, height=HEIGHT)
        return
    with st.container(width=width + 2):  # the frame's own border
        st.iframe(FRAME.format(escape(html, quote=True), HEIGHT - 4), height=HEIGHT, alt=f"The mail at {width} pixels")


def ask_contact(key: str, segment: str | None = None) -> int | None:
    """The contact to look at it as: one that is named, else the first of the segment, else of all."""
    named = st.text_input("As which contact", placeholder="number or whole mail address", key=f"{key}_contact").strip()
    found = data.one("templates", "contact", words=named or None, segment=segment)
    if found is None:
        st.caption(":orange[No such contact.]" if named else "There is no contact yet: run `engage run`.")
        return None
    st.caption(
        f"As {words.plain(found['full_name'] or 'No. ' + str(found['contact_id']))}, {words.masked(found['email'])}"
    )
    return int(found["contact_id"])
