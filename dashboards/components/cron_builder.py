"""When an automation runs: a form and its cron expression, either changes the other; in words, with the next runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from functools import cache
from zoneinfo import available_timezones

import streamlit as st

from activation.automations import cron
from dashboards.components import words
from dashboards.cron_builder.translate import (
    LAST_DAY,
    STEPS,
    WEEKDAYS,
    CronInvalid,
    Pace,
    Schedule,
    to_expression,
    to_form,
)

RUNS_SHOWN = 5
OTHER = "other"
PACES = {
    Pace.HOURS.value: "every hour, or every few", Pace.DAY.value: "every day", Pace.WEEKDAY.value: "Monday to Friday",
    Pace.WEEK.value: "every week", Pace.MONTH.value: "every month", OTHER: "as the expression says",
}  # fmt: skip
ASKS = {
    "hours": ("minute", "step"),
    "day": ("at",),
    "weekday": ("at",),
    "week": ("at", "days"),
    "month": ("at", "day"),
    OTHER: (),
}


@cache
def zones(chosen: str) -> list[str]:
    """IANA names by alphabet, without those that name no place, with the one that is chosen."""
    places = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    return sorted(places | {"UTC", chosen})


def cron_builder(key: str, expression: str, zone: str, now: datetime) -> tuple[str | None, str]:
    """Draws the builder; returns the expression, None while it is no valid one, and its zone."""
    state = _State(key)
    if f"{key}_text" not in st.session_state:
        st.session_state[f"{key}_text"] = expression
        st.session_state[f"{key}_zone"] = zone
        state.read_text()
    pace, at, which = st.columns([2, 1, 2], vertical_alignment="bottom")
    pace.selectbox("Repeats", list(PACES), format_func=PACES.__getitem__, key=f"{key}_pace", on_change=state.write_text)
    _fields(state, st.session_state[f"{key}_pace"], at, which)
    text, place = st.columns([3, 2])
    text.text_input(
        "Cron expression", key=f"{key}_text", on_change=state.read_text,
        help="Minute, hour, day of the month, month, weekday. Changing it changes the form above, and the other way round.",
    )  # fmt: skip
    place.selectbox("Time zone", zones(zone), key=f"{key}_zone")
    return _told(st.session_state[f"{key}_text"], st.session_state[f"{key}_zone"], now), st.session_state[f"{key}_zone"]


def _fields(
    state: _State, pace: str, at: st.delta_generator.DeltaGenerator, which: st.delta_generator.DeltaGenerator
) -> None:
    key, change = state.key, state.write_text
    draw: dict[str, Callable[[], object]] = {
        "at": lambda: at.time_input("At", key=f"{key}_at", step=300, on_change=change),
        "minute": lambda: at.number_input("At minute", 0, 59, key=f"{key}_minute", on_change=change),
        "step": lambda: which.selectbox(
            "How often", STEPS, format_func=lambda step: "every hour" if step == 1 else f"every {step} hours",
            key=f"{key}_step", on_change=change,
        ),
        "days": lambda: which.pills(
            "On", range(1, 8), format_func=lambda day: WEEKDAYS[day - 1][:3], selection_mode="multi", key=f"{key}_days",
            on_change=change,
        ),
        "day": lambda: which.selectbox(
            "On day", [*range(1, 32), LAST_DAY], format_func=lambda day: "the last" if day == LAST_DAY else f"the {day}.",
            key=f"{key}_day", on_change=change,
        ),
    }  # fmt: skip
    for field in ASKS[pace]:
        draw[field]()


class _State:
    """The form's fields in the session, all of one prefix."""

    def __init__(self, key: str) -> None:
        self.key = key

    def read_text(self) -> None:
        """Expression -> form. What no form says leaves the fields alone."""
        try:
            form = to_form(st.session_state[f"{self.key}_text"])
        except CronInvalid:
            form = None
        shown = form or Schedule(Pace.DAY)
        st.session_state.update(
            {
                f"{self.key}_pace": form.pace.value if form else OTHER,
                f"{self.key}_at": time(shown.hour, shown.minute),
                f"{self.key}_minute": shown.minute,
                f"{self.key}_step": shown.step,
                f"{self.key}_days": list(shown.days),
                f"{self.key}_day": shown.day,
            }
        )

    def write_text(self) -> None:
        """Form -> expression. A field that was not drawn keeps its default."""
        chosen = st.session_state[f"{self.key}_pace"]
        if chosen == OTHER:
            return
        kept = {name: st.session_state.get(f"{self.key}_{name}") for name in ("at", "minute", "step", "days", "day")}
        at = kept["at"] or time(9)
        minute = (kept["minute"] or 0) if chosen == Pace.HOURS else at.minute
        day = kept["day"] if kept["day"] is not None else 1
        form = Schedule(Pace(chosen), minute, at.hour, kept["step"] or 1, tuple(sorted(kept["days"] or [1])), day)
        st.session_state[f"{self.key}_text"] = to_expression(form)
        self.read_text()


def _told(expression: str, zone: str, now: datetime) -> str | None:
    """In words with the next runs, or what is wrong."""
    try:
        runs = cron.next_runs(expression, zone, now, RUNS_SHOWN)
        st.markdown(f":material/event_repeat: **{cron.in_words(expression, zone)}**")
    except CronInvalid as error:
        st.error(str(error), icon=":material/block:")
        return None
    local = cron.zone(zone)
    lines = [f"- {run.astimezone(local):%a %-d %b %Y, %H:%M}" for run in runs]
    st.markdown("Next runs, in that zone:\n" + "\n".join(lines))
    if zone != str(words.zone()):
        st.caption(f"The first is {words.local(runs[0])} here.")
    return cron.validate(expression)
