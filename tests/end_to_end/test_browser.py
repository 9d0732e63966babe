"""The screens in a real browser, as a marketer goes through them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from tests.support.installation import ROOT, free_port, wait_for
from tests.support.screenshots import chromium, open_browser, settle

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's chromium, or set CHROMIUM"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def address(demo):
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboards/app.py",
        "--server.address",
        "127.0.0.1",
        "--server.port",
        str(port),
    ]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=demo.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ready():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/_stcore/health").is_success
        except httpx.TransportError:
            return False

    try:
        wait_for(ready, seconds=30, what="the start of the screens")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = open_browser(playwright)
        yield opened
        opened.close()


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
    assert "Everybody is accounted for" in page.inner_text("[data-testid='stApp']")

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
