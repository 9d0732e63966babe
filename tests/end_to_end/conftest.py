"""The screens of the demo, and a browser to look at them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest

from tests.support.installation import ROOT, free_port, wait_for
from tests.support.screenshots import open_browser


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
