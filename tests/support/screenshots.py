"""Takes the pictures of the README from running screens: python -m tests.support.screenshots --url … --out docs/images."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    """The browser: CHROMIUM, or the one on PATH."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def open_browser(playwright: object) -> Browser:
    return playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)  # type: ignore[attr-defined]


def settle(page: Page) -> None:
    """Waits until Streamlit has drawn the page."""
    page.wait_for_selector("[data-testid='stApp'] h1, [data-testid='stApp'] h4", timeout=30_000)
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stStatusWidget\"]')", timeout=30_000)
    page.wait_for_timeout(1200)


def take(url: str, out: Path, wanted: dict[str, str], *, width: int = 1440, height: int = 1000) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        page = browser.new_page(viewport={"width": width, "height": height})
        for name, path in wanted.items():
            page.goto(url + path)
            settle(page)
            page.screenshot(path=str(out / f"{name}.png"))
        browser.close()


PAGES = {
    "overview": "/",
    "campaigns": "/campaigns",
    "campaign": "/campaigns?campaign=winter-collection",
    "segments": "/segments",
    "segment": "/segments?segment=vip_customers",
    "contacts": "/contacts",
    "contact": "/contacts?contact=12",
    "events": "/events",
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", nargs="*", default=list(PAGES))
    parser.add_argument("--width", type=int, default=1440)
    options = parser.parse_args()
    take(options.url, options.out, {name: PAGES[name] for name in options.only}, width=options.width)
