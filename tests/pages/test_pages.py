"""Every screen opens, on a demo's data, on an empty database and without one; and its numbers are what SQL counts."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engage_db.settings import load_settings

VIEWS = Path(__file__).resolve().parents[2] / "dashboards" / "views"
PAGES = ["overview", "campaigns", "segments", "contacts", "events"]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def open_page(settings_for):
    """Opens a page as a browser would, with the Engage DB at a URL."""

    def open_at(url: str, page: str, **parameters: str) -> AppTest:
        settings_for.setenv("ENGAGE_DATABASE_URL", url)
        settings_for.setenv("CRM_DATABASE_URL", url)
        settings_for.setenv("DAGSTER_DATABASE_URL", url)
        load_settings.cache_clear()
        st.cache_data.clear()
        st.cache_resource.clear()
        app = AppTest.from_file(str(VIEWS.parent / "app.py"), default_timeout=30)
        app.run()
        app.query_params.update(parameters)
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception, app.exception[0].message
        return app

    return open_at


@pytest.fixture
def page(open_page, demo):
    return lambda name, **parameters: open_page(demo.__dict__["url"], name, **parameters)


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def words(app):
    return "\n".join(
        [
            element.value
            for kind in ("title", "markdown", "caption", "subheader", "info", "warning", "error")
            for element in app.get(kind)
        ]
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_on_a_demo(page, name):
    assert page(name).title[0].value == name.capitalize()


def test_the_overview_shows_what_sql_counts(page, demo):
    shown = metrics(page("overview"))

    contacts = demo.query("select count(*) from core.contacts")[0][0]
    orders, revenue = demo.query(
        "select count(*), sum(total) from staging.stg_crm__orders where is_revenue and deleted_at is null "
        "and (ordered_at at time zone 'Europe/Rome')::date > (now() at time zone 'Europe/Rome')::date - 30"
    )[0]
    sent = demo.query("select count(*) from engage.campaign_messages where sent_at is not null")[0][0]
    assert shown["Contacts"] == f"{contacts:,}"
    assert shown["Orders"] == f"{orders:,}"
    assert shown["Revenue"] == f"€{revenue:,.0f}"
    assert shown["Messages sent"] == f"{sent:,}"


def test_a_sum_over_several_currencies_is_shown_in_none(page, demo):
    with psycopg.connect(demo.__dict__["url"], autocommit=True) as db:
        change = "update profiles.contact_profiles set currency = %s where contact_id = (select min(contact_id) from profiles.contact_profiles where currency = %s)"
        db.execute(change, ["USD", "EUR"])
        try:
            app = page("overview")
        finally:
            db.execute(change, ["EUR", "USD"])

    assert metrics(app)["Revenue"].strip()[0].isdigit()
    assert "several currencies" in words(app)


def test_a_campaign_shows_its_funnel_and_that_nobody_is_missing(page, demo):
    app = page("campaigns", campaign="winter-collection")
    shown = metrics(app)

    targeted, sent = demo.query(
        "select count(*), count(*) filter (where message.state in ('sent', 'delivered', 'bounced')) "
        "from engage.campaign_messages message join engage.campaigns campaign using (campaign_id) where campaign.key = 'winter-collection'"
    )[0]
    assert shown["Targeted"] == f"{targeted:,}"
    assert shown["Sent"] == f"{sent:,}"
    assert f":green[:material/check_circle:] {targeted:,} targeted =" in words(app)


def test_a_segment_shows_its_size_and_definition(page, demo):
    app = page("segments", segment="vip_customers")

    size = demo.query("select count(*) from segments.vip_customers")[0][0]
    assert metrics(app)["Members"] == f"{size:,}"
    assert "contact_profiles" in app.code[0].value


def test_a_segment_shows_its_overlap_and_why_somebody_is_in_it(page, demo):
    contact_id = demo.query(
        "select min(contact_id) from engage.segment_members join engage.segments using (segment_id) where key = 'vip_customers'"
    )[0][0]

    app = page("segments", segment="vip_customers")
    app.text_input[0].set_value(str(contact_id)).run()

    assert "names the contact" in words(app)
    assert any("In both" in table.value for table in app.dataframe)


def test_a_contact_asks_why_it_is_in_a_segment(page, demo):
    app = page("contacts", contact=str(demo.query("select min(contact_id) from core.contacts")[0][0]))
    app.selectbox[-1].set_value("vip_customers").run()

    assert "the dbt model names the contact" in words(app)


def test_a_segment_of_sql_is_counted_before_it_is_saved_and_refused_when_it_is_not_one_select(page, demo):
    app = page("segment_builder")
    app.segmented_control[0].set_value("SQL").run()
    app.text_area[0].set_value("select contact_id from profiles.contact_profiles where plan = 'pro'").run()
    pros = demo.query("select count(*) from profiles.contact_profiles where plan = 'pro'")[0][0]
    assert metrics(app)["People"] == f"{pros:,}"

    app.text_area[0].set_value("delete from core.contacts").run()
    assert "must be one SELECT" in words(app)


def test_a_contact_is_found_and_shows_who_it_is(page, demo):
    contact_id, name, email = demo.query(
        "select contact_id, full_name, email from profiles.contact_profiles where orders_count > 0 and email is not null and full_name is not null limit 1"
    )[0]

    search = page("contacts")
    search.text_input[0].set_value(email[:12]).run()
    assert email in search.dataframe[0].value["Email"].tolist()
    one = page("contacts", contact=str(contact_id))
    assert one.title[0].value == name
    assert "Placed an order" in words(one)


def test_events_are_counted_and_filtered(page, demo):
    app = page("events")
    app.multiselect[0].set_value(["order_created"]).run()

    assert set(app.dataframe[0].value["Event"]) == {"order_created"}


@pytest.mark.parametrize(
    ("name", "parameter"), [("campaigns", "campaign"), ("segments", "segment"), ("contacts", "contact")]
)
def test_something_that_is_not_there_says_so(page, name, parameter):
    assert "There is no" in words(page(name, **{parameter: "999999999"}))


def test_a_segment_to_change_that_is_not_there_says_so(page):
    assert "There is no active segment nobody" in words(page("segment_builder", segment="nobody"))


@pytest.mark.parametrize("name", PAGES)
def test_before_the_first_build_a_page_says_what_to_do(open_page, engage_url, name):
    assert re.search("engage (run|build)", words(open_page(engage_url, name)).replace("engage worker", ""))


@pytest.mark.parametrize("name", PAGES)
def test_without_a_database_a_page_says_which_setting_to_mend(open_page, name):
    shown = words(open_page("postgresql://nobody:secret@127.0.0.1:9/none", name))

    assert "ENGAGE_DATABASE_URL" in shown
    assert "secret" not in shown


def test_the_sandbox_is_named_on_every_page(page):
    assert any("No mail leaves this machine" in note.value for note in page("overview").info)
