"""The screens in a real browser, as a marketer goes through them."""

from __future__ import annotations

import re

import pytest

from tests.support.screenshots import chromium, settle

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's chromium, or set CHROMIUM"),
    pytest.mark.filterwarnings("ignore"),
]


def test_from_the_overview_to_a_campaign_to_a_person(address, browser, demo):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(address)
    settle(page)
    contacts = demo.query("select count(*) from core.contacts")[0][0]
    assert f"{contacts:,}" in page.locator("[data-testid='stMetric']").first.inner_text()

    page.get_by_role("link", name="Campaigns").click()
    page.wait_for_selector("h1:has-text('Campaigns')")
    page.goto(f"{address}/campaigns?campaign=winter-collection")
    page.wait_for_selector("h1:has-text('Winter collection')")
    settle(page)
    targeted = demo.query(
        "select targeted from engage.campaign_runs run join engage.campaigns campaign using (campaign_id) where key = 'winter-collection'"
    )[0][0]
    assert f"{targeted:,}" in page.locator("[data-testid='stMetric']").first.inner_text()
    # the ledger: whoever was targeted is in exactly one state
    assert f"{targeted:,} targeted = " in page.inner_text("[data-testid='stApp']")

    page.goto(f"{address}/contacts")
    page.wait_for_selector("h1:has-text('Contacts')")
    settle(page)
    email = demo.query(
        "select email from profiles.contact_profiles where email is not null order by contact_id desc limit 1"
    )[0][0]
    page.get_by_placeholder(re.compile("rossi")).fill(email)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=/^[12] contacts$/")

    contact = demo.query(
        "select contact_id, full_name from profiles.contact_profiles where orders_count > 0 and full_name is not null limit 1"
    )[0]
    page.goto(f"{address}/contacts?contact={contact[0]}")
    page.wait_for_selector(f'h1:has-text("{contact[1]}")')
    page.wait_for_selector("text=Placed an order")
    page.close()
