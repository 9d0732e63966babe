"""What the local Resend remembers: mails, requests, idempotency keys, on a clock of its own."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.support.resend_faults import Fault, Faults
from tests.support.resend_limits import KeyMemory, Memory, RateWindow, Scope
from tests.support.resend_rules import Mail, Refused, as_list, bare, check_mail, recipients


@dataclass(frozen=True)
class Settings:
    """How this provider is set up; a rate of 0 means no limit."""

    rate: int = 10
    seed: int = 7
    api_keys: frozenset[str] = frozenset()
    wrong_key_status: int = 403
    allow_reserved: bool = False
    exact_bytes: bool = False
    store_bodies: bool = True


@dataclass(slots=True)
class Call:
    """One request as it arrived, and what became of it.

    `status` is None while it is worked on, and for ever if no answer left.
    `counted`: it took from the rate limit.
    """

    method: str
    path: str
    idempotency_key: str | None
    validation: str
    user_agent: str
    sha256: str
    at: float
    status: int | None = None
    fault: str | None = None
    counted: bool = False


@dataclass
class Provider:
    """One team at the provider."""

    settings: Settings
    ids: random.Random
    ahead: float = 0.0
    held: int = 0
    sent: int = 0
    mails: dict[str, Mail] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    keys: KeyMemory = field(default_factory=KeyMemory)
    rate: RateWindow = field(init=False)
    faults: Faults = field(init=False)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.rate = RateWindow(self.settings.rate)
        self.faults = Faults(self.settings.seed)

    def renewed(self) -> Provider:
        """A provider that remembers nothing; ids go on, the real ones never come twice either."""
        self.release()
        return Provider(self.settings, self.ids)

    def now(self) -> float:
        """Unix seconds on the provider's clock."""
        return time.time() + self.ahead

    def receive(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Call:
        """Notes a request before anything is decided about it."""
        call = Call(
            method=method,
            path=path,
            idempotency_key=headers.get("idempotency-key"),
            validation=headers.get("x-batch-validation", "strict"),
            user_agent=headers.get("user-agent", ""),
            sha256=_sha256(raw),
            at=self.now(),
        )
        self.calls.append(call)
        return call

    async def hold(self, seconds: float | None) -> None:
        """Waits so long, or until it is released."""
        self.held += 1
        try:
            await asyncio.wait_for(self.gate.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            self.held -= 1

    def release(self) -> None:
        """Lets go what is held now; what comes later is held again."""
        self.gate.set()
        self.gate = asyncio.Event()

    def authorise(self, authorization: str) -> str:
        """The API key of a request. Raises Refused: https://resend.com/docs/api-reference/introduction

        A wrong key is 403 in the reference; 401 validation_error is what the live API was seen to say.
        """
        scheme, _, key = authorization.partition(" ")
        if scheme != "Bearer" or not key:
            raise Refused(401, "missing_api_key", "Missing API key in the authorization header.")
        known = self.settings.api_keys
        if (key in known) if known else key.startswith("re_"):
            return key
        name = "invalid_api_key" if self.settings.wrong_key_status == 403 else "validation_error"
        raise Refused(self.settings.wrong_key_status, name, "API key is invalid")

    async def process(self, call: Call, api_key: str, mails: list[Any], fault: Fault | None) -> bytes:
        """Takes the mails in, once per idempotency key, and gives the answer. Raises Refused."""
        scope = (api_key, call.path, call.idempotency_key)
        memory = self._remembered(scope, call, mails)
        answer = memory.answer
        if answer is None:
            try:
                answer = self._accept(call, mails)
            except Refused:
                self.keys.forget(scope)
                raise
        if fault and fault.in_flight:
            await self.hold(fault.hold_seconds)
        memory.answer = answer
        return answer

    def _remembered(self, scope: Scope, call: Call, mails: list[Any]) -> Memory:
        if call.idempotency_key is None:
            return Memory("", self.now())
        return self.keys.recall(scope, self._fingerprint(call, mails), self.now())

    def _fingerprint(self, call: Call, mails: list[Any]) -> str:
        """Resend compares payloads in a normal form: https://resend.com/blog/engineering-idempotency-keys"""
        if self.settings.exact_bytes:
            return call.sha256
        return _sha256(orjson.dumps(mails, option=orjson.OPT_SORT_KEYS))

    def _accept(self, call: Call, mails: list[Any]) -> bytes:
        in_batch = call.path.endswith("/batch")
        permissive = in_batch and call.validation == "permissive"
        good, errors = self._sorted_out(mails, in_batch=in_batch, permissive=permissive)
        ids = [{"id": self._store(mail, call.idempotency_key)} for mail in good]
        if not in_batch:
            return orjson.dumps(ids[0])
        return orjson.dumps({"data": ids, "errors": errors} if permissive else {"data": ids})

    def _sorted_out(
        self, mails: list[Any], *, in_batch: bool, permissive: bool
    ) -> tuple[list[Mail], list[dict[str, Any]]]:
        """Good mails, and errors by index; strict: the first error refuses all.

        https://resend.com/docs/dashboard/emails/batch-validation-modes
        """
        good, errors = [], []
        for index, mail in enumerate(mails):
            try:
                check_mail(mail, in_batch=in_batch, allow_reserved=self.settings.allow_reserved)
            except Refused as refused:
                if not permissive:
                    raise
                errors.append({"index": index, "message": refused.message})
            else:
                good.append(mail)
        return good, errors

    def _store(self, mail: Mail, key: str | None) -> str:
        mail_id = str(uuid.UUID(int=self.ids.getrandbits(128), version=4))
        kept = mail if self.settings.store_bodies else {"sha256": _sha256(orjson.dumps(mail))}
        to = as_list(mail["to"])
        self.mails[mail_id] = {**kept, "id": mail_id, "to": to, "idempotency_key": key, "at": self.now()}
        self.sent += sum(1 for _ in recipients(mail))
        return mail_id

    def found(self, mail_id: str) -> dict[str, Any]:
        """https://resend.com/docs/api-reference/emails/retrieve-email"""
        try:
            uuid.UUID(mail_id)
        except ValueError:
            raise Refused(422, "invalid_parameter", "The `id` must be a valid UUID.") from None
        mail = self.mails.get(mail_id)
        if mail is None:
            raise Refused(404, "not_found", "Email not found")
        return {
            "object": "email",
            "id": mail_id,
            "to": mail["to"],
            **{name: mail.get(name) for name in ("from", "subject", "html", "text", "scheduled_at")},
            **{name: as_list(mail.get(name)) for name in ("cc", "bcc", "reply_to", "tags")},
            "created_at": datetime.fromtimestamp(mail["at"], UTC).isoformat(),
            "last_event": mail.get("last_event", "delivered"),
        }

    def fact(self, name: str) -> Any:
        """One thing that a test may want to know. Raises KeyError for a name that is none of FACTS."""
        return FACTS[name](self)


FACTS: dict[str, Callable[[Provider], Any]] = {
    "mails": lambda provider: list(provider.mails.values()),
    "requests": lambda provider: provider.calls,
    "recipients": lambda provider: Counter(bare(to) for mail in provider.mails.values() for to in mail["to"]),
    "counts": lambda provider: {
        "mails": len(provider.mails),
        "requests": len(provider.calls),
        "paused": provider.held,
    },
    "faults": lambda provider: provider.faults.in_force,
    "now": lambda provider: provider.now(),
}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
