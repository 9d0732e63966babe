"""A mail server of aiosmtpd that keeps what it gets, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class MailServer:
    """What it saw and what it will do to the next mail: `reply` per stage, or `cut` / `hang` at a stage."""

    def __init__(self) -> None:
        self.attempts = 0
        self.sessions = 0
        self.mails: list[bytes] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.replies: dict[str, str] = {}
        self.cuts: str = ""
        self.hangs: str = ""
        self.port = 0

    async def handle_EHLO(self, server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        self.attempts += 1
        envelope.mail_from = address
        return await self._meet("MAIL", server) or "250 OK"

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        if address.endswith("@invalid.test.dev"):
            return "550 5.1.1 <" + address + ">: unknown user"
        return await self._meet("RCPT", server) or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        answer = await self._meet("DATA", server)
        if answer is None:
            self.mails.append(envelope.original_content)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        if self.cuts == "AFTER":
            server.transport.abort()  # type: ignore[union-attr]
        return answer or "250 OK queued"

    async def _meet(self, stage: str, server: SMTP) -> str | None:
        if self.hangs == stage:
            await asyncio.sleep(5)
        if self.cuts == stage:
            server.transport.abort()  # type: ignore[union-attr]
        return self.replies.get(stage)


def authenticated(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"ada" and data.password == b"pass/word", handled=False)


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A server on a free port; options are those of aiosmtpd's SMTP."""
    held = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        held.port = free.getsockname()[1]
    controller = Controller(held, hostname="127.0.0.1", port=held.port, **options)
    controller.start()
    try:
        yield held
    finally:
        controller.stop()
