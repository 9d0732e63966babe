"""The ready-made templates in a real browser: nothing sticks out on a phone, and minifying changes no pixel."""

from __future__ import annotations

import pytest

from activation.templates.compile_mjml import compile_mjml
from activation.templates.library import library
from activation.templates.links import links_in
from activation.templates.render import CompiledMail, Version
from tests.support.screenshots import chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's chromium, or set CHROMIUM"),
    pytest.mark.filterwarnings("ignore"),
]
TEMPLATES = {template.key: template for template in library()}


def html_of(template, body_html):
    version = Version(
        1, template.key, template.subject, template.preheader, body_html, template.body_text, links_in(body_html)
    )
    return CompiledMail(version).render(template.sample).html


@pytest.mark.parametrize("width", [375, 640])
def test_nothing_sticks_out_and_no_helper_of_ours_shows(browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    seen = {}
    for template in TEMPLATES.values():
        page.set_content(html_of(template, compile_mjml(template.body_mjml)))
        sticking_out = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        honeypot = page.locator("a[href$='-0']")
        seen[template.key] = (sticking_out, honeypot.count(), honeypot.is_visible())

    assert seen == dict.fromkeys(TEMPLATES, (0, 1, False))


def test_nobody_reaches_the_link_for_scanners_with_the_keyboard(browser):
    template = TEMPLATES["newsletter"]
    page = browser.new_page()
    page.set_content(html_of(template, compile_mjml(template.body_mjml)))
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))

    click = template.sample["click_url"]
    assert f"{click}-1" in reached
    assert f"{click}-0" not in reached


@pytest.mark.parametrize("width", [375, 640])
def test_minified_it_looks_the_same_to_the_pixel(browser, width, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("activation.templates.compile_mjml.minified", lambda html: html)
        as_the_compiler_makes_it = {key: compile_mjml(template.body_mjml) for key, template in TEMPLATES.items()}
    page = browser.new_page(viewport={"width": width, "height": 900})
    different = []
    for template in TEMPLATES.values():
        pictures = []
        for body in (as_the_compiler_makes_it[template.key], compile_mjml(template.body_mjml)):
            page.set_content(html_of(template, body))
            pictures.append(page.screenshot(full_page=True))
        if pictures[0] != pictures[1]:
            different.append(template.key)

    assert different == []
