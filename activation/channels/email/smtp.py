"""Any mail server that speaks SMTP (RFC 5321): one mail a request over kept connections, no idempotency keys.

A refusal, and whatever goes wrong before DATA, is certain. A connection lost after it is not: the server may have the mail.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors

from activation.channels.contract import (
    Accepted,
    Answer,
    Cause,
    ContentRefused,
    Limits,
    Mail,
    NotProcessed,
    OutcomeUnknown,
)
from activation.channels.email.bounces import OUR_DOMAIN, status_of
from activation.channels.email.headers import ascii_domain, mailbox, one_line
from activation.channels.words import fit

PORTS = {"smtp": 587, "smtps": 465}
THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
IDLE_SECONDS = 20.0  # longer unused, a connection is asked whether it still stands
RETRY_SECONDS = 60.0
LONGEST_LINE = 998  # RFC 5322, 2.1.1
RELAYING = ("relay", "not permitted to send", "authentication required")
TOO_LARGE = 552
REFUSALS = range(400, 600)
TRANSIENT_OF_RECIPIENT = ("4.1", "4.2")  # RFC 3463: its address, its mailbox; all else concerns every mail


class _Wire(EmailPolicy):
    """Headers in ASCII stay in one line up to 998: the standard fold would break a long link into encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        line = f"{name}: {value}"
        if line.isascii() and len(line) <= LONGEST_LINE:
            return line.encode("ascii") + b"\r\n"
        return super().fold_binary(name, value)


@dataclass
class _Progress:
    """How far a mail has come."""

    has_begun_data: bool = False


class Smtp:
    """A mail server by its URL: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465."""

    name = "smtp"
    channel = "email"
    limits = Limits(batch_size=1, key_seconds=0)

    def __init__(self, *, url: str, clock: Callable[[], datetime], timeout_seconds: float = 20.0) -> None:
        self._server = urlsplit(url)
        self._clock = clock
        self._timeout = timeout_seconds
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    def encode(self, mails: Sequence[Mail]) -> bytes:
        """The mail as it leaves, but for its Date."""
        one_line(mails)
        (mail,) = mails
        message = _message(mail)
        return message.as_bytes(policy=_Wire(utf8=not ascii_domain(mail.to).isascii(), linesep="\r\n"))

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:  # noqa: ARG002 - the contract
        if not _is_server(self._server):
            return NotProcessed(Cause.CONFIGURATION, "SMTP_URL must look like smtp://user:password@host:587")
        progress = _Progress()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._transact(body, progress)
        except (errors.SMTPException, TimeoutError, OSError, ValueError) as error:
            if progress.has_begun_data:
                return OutcomeUnknown(f"the mail server gave no clear answer to a mail: {type(error).__name__}")
            if isinstance(error, errors.SMTPResponseException):  # greeting, EHLO, STARTTLS, AUTH
                return _not_let_in(error)
            reason = fit(error) or type(error).__name__
            return NotProcessed(Cause.UNREACHABLE, f"the mail server {self._server.hostname}: {reason}")

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for _, connection in idle:
            await _leave(connection)

    async def _transact(self, body: bytes, progress: _Progress) -> Answer:
        connection = await self._connection()
        is_kept = False
        try:
            answer = await _hand_over(connection, body, self._clock(), progress)
            is_kept = True
        finally:
            if is_kept and connection.is_connected:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                connection.close()
        return answer

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            since, connection = self._idle.pop()
            if await _stands(connection, asyncio.get_running_loop().time() - since):
                return connection
            connection.close()
        connection = self._client()
        try:
            await connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        host, is_tls = server.hostname or "", server.scheme == "smtps"
        # a password leaves this machine encrypted or not at all
        must_upgrade = not is_tls and bool(server.password) and host not in THIS_MACHINE
        return aiosmtplib.SMTP(
            hostname=host,
            port=server.port or PORTS[server.scheme],
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=is_tls,
            start_tls=False if is_tls else (True if must_upgrade else None),
            timeout=self._timeout,
        )


def _is_server(url: SplitResult) -> bool:
    try:
        return url.scheme in PORTS and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is no number
        return False


async def _hand_over(connection: aiosmtplib.SMTP, body: bytes, now: datetime, progress: _Progress) -> Answer:
    headers = message_from_bytes(body, policy=SMTPUTF8)
    options = [] if str(headers["To"]).isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    if options and not connection.supports_extension("smtputf8"):
        return ContentRefused("the mail server takes no address with such letters", 0)
    encoding = "utf-8" if options else "ascii"
    try:
        await connection.mail(parseaddr(str(headers["From"]))[1], options=options, encoding=encoding)
        await connection.rcpt(parseaddr(str(headers["To"]))[1], encoding=encoding)
        progress.has_begun_data = True
        await connection.data(f"Date: {format_datetime(now)}\r\n".encode() + body)
    except errors.SMTPSenderRefused as error:
        return await _after(connection, _sender_refused(error))
    except errors.SMTPRecipientRefused as error:
        return await _after(connection, _mail_refused(error))
    except errors.SMTPDataError as error:
        if error.code not in REFUSALS:  # neither yes nor no: it may have been taken
            raise
        return await _after(connection, _mail_refused(error))
    return Accepted([str(headers["Message-ID"])])


async def _after(connection: aiosmtplib.SMTP, answer: Answer) -> Answer:
    """The answer; the connection is made ready for the next mail, or closed."""
    try:
        await connection.rset()
    except (errors.SMTPException, OSError):
        connection.close()
    return answer


def _words(error: errors.SMTPResponseException) -> str:
    return f"the mail server {error.code}: {fit(error.message)}"


def _not_let_in(error: errors.SMTPResponseException) -> NotProcessed:
    if error.code < 500:  # noqa: PLR2004 - SMTP: 4 is for now, 5 for good
        return NotProcessed(Cause.RATE, _words(error), RETRY_SECONDS)
    return NotProcessed(Cause.CONFIGURATION, _words(error))


def _sender_refused(error: errors.SMTPResponseException) -> Answer:
    """A sender is the same for every mail, so its refusal is nobody's failure but ours; a size is the mail's."""
    return ContentRefused(_words(error), 0) if error.code == TOO_LARGE else _not_let_in(error)


def _mail_refused(error: errors.SMTPResponseException) -> Answer:
    status = status_of(str(error.message)) or ""
    if error.code < 500:  # noqa: PLR2004
        is_of_recipient = status.startswith(TRANSIENT_OF_RECIPIENT)
        return (
            ContentRefused(_words(error), 0)
            if is_of_recipient
            else NotProcessed(Cause.RATE, _words(error), RETRY_SECONDS)
        )
    if status in OUR_DOMAIN or error.code in {530, 535} or any(word in str(error.message).lower() for word in RELAYING):
        return NotProcessed(Cause.CONFIGURATION, _words(error))
    return ContentRefused(_words(error), 0)


async def _stands(connection: aiosmtplib.SMTP, idle_seconds: float) -> bool:
    if not connection.is_connected:
        return False
    if idle_seconds < IDLE_SECONDS:
        return True
    try:
        await connection.noop()
    except (errors.SMTPException, OSError):
        return False
    return True


async def _leave(connection: aiosmtplib.SMTP) -> None:
    try:
        await connection.quit(timeout=1)
    except (errors.SMTPException, OSError, RuntimeError):  # already gone, or of a loop that has ended
        connection.close()


def _message(mail: Mail) -> EmailMessage:
    digest = hashlib.sha256(repr((mail.sender, mail.to, mail.subject, mail.text, mail.html)).encode()).hexdigest()
    message = EmailMessage(policy=SMTP)
    message["From"] = mailbox(_flat(mail.sender))
    message["To"] = ascii_domain(mail.to)
    message["Subject"] = _flat(mail.subject)
    message["Message-ID"] = (
        f"<engage-{mail.message_id}-{digest[:20]}@{parseaddr(message['From'])[1].rpartition('@')[2]}>"
    )
    for name, value in mail.headers.items():
        message[name] = _flat(value)
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{digest[20:50]}")  # a line of quoted-printable never holds =_
    return message


def _flat(value: str) -> str:
    """Without the rarer line breaks of Unicode, which the standard library takes for such and refuses."""
    return " ".join(value.splitlines())


def message_id_of(header: str) -> int | None:
    """Our message id in a Message-ID that `Smtp` wrote, such as one quoted in a bounce."""
    begin, _, rest = header.strip().strip("<>").partition("-")
    number = rest.partition("-")[0]
    return int(number) if begin == "engage" and number.isascii() and number.isdecimal() else None
