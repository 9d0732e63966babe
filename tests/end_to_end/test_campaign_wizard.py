"""A marketer makes a campaign in the wizard, sees who would get it, launches it, and pauses it on its page."""

from __future__ import annotations

import re

import pytest

from tests.support.screenshots import chromium, settle

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's chromium, or set CHROMIUM"),
    pytest.mark.filterwarnings("ignore"),
]


class Wizard:
    """The wizard as a hand uses it."""

    def __init__(self, page):
        self.page = page

    def fill(self, label, value):
        self.page.get_by_label(label, exact=True).fill(value)
        self.page.keyboard.press("Tab")
        settle(self.page)

    def choose(self, label, option):
        self.page.get_by_role("combobox", name=label).first.click()
        self.page.get_by_role("option", name=option).first.click()
        settle(self.page)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
        settle(self.page)

    def metric(self, label):
        found = self.page.locator("[data-testid='stMetric']").filter(has_text=label)
        return int(re.sub(r"\D", "", found.locator("[data-testid='stMetricValue']").inner_text()))


def test_from_a_segment_to_a_campaign_that_is_on_its_way(address, browser, demo):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    wizard = Wizard(page)
    page.goto(f"{address}/campaign_wizard")
    settle(page)

    wizard.fill("Name of the campaign", "Spring story")
    wizard.choose("Segment", "Newsletter subscribers")
    wizard.press("Next")
    wizard.choose("Template", "New collection")
    # the mail itself, in a frame that runs nothing of it
    mail = page.frame_locator("iframe").first.frame_locator("iframe[sandbox='']")
    mail.get_by_role("link", name="Unsubscribe").first.wait_for()
    wizard.press("Next")
    page.get_by_text("Spread it out").click()
    wizard.fill("Messages a minute", "120")
    wizard.press("Next")
    page.get_by_text("At a time").click()
    settle(page)
    wizard.press("Next")
    page.wait_for_selector("text=Left out, and why")

    in_audience = demo.query(
        "select count(*) from engage.segment_members join engage.segments using (segment_id) where key = 'newsletter_subscribers'"
    )[0][0]
    recipients = wizard.metric("Get it")
    assert wizard.metric("In the audience") == in_audience == recipients + wizard.metric("Left out")

    wizard.press("Launch …")
    page.get_by_label("Type the number of recipients to confirm").fill(str(recipients))
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Launch").click()
    page.get_by_role("button", name="Pause …", exact=True).wait_for()  # its own page; the wizard has the same heading
    state = "select state, messages_per_minute, next_run_at > now() from engage.campaigns where key = 'spring-story'"
    assert demo.query(state) == [("scheduled", 120, True)]

    settle(page)
    wizard.press("Pause …")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    page.wait_for_selector("text=paused")
    assert demo.query(state)[0][0] == "paused"
    page.close()
