"""/v1/suppressions, /v1/topics, /v1/caps, /v1/contacts/{id}/consent: the same commands as on the command line, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from activation.compliance import consent, frequency, suppression, suppression_files, topics
from http_api.auth import caller
from http_api.routes.segments import Db, now

router = APIRouter(prefix="/v1", tags=["compliance"], dependencies=[Depends(caller)])
Caller = Annotated[str, Depends(caller)]
LARGEST_UPLOAD = 50 * 1024 * 1024
LARGEST_BIGINT = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=LARGEST_BIGINT)]
Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSuppression(_Strict):
    """An address, or a contact with their address."""

    address: Words | None = None
    contact_id: Id | None = None
    channel: Words = "email"
    reason: Words = "manual"
    topic: Words | None = None
    source: Words = "api"
    evidence: dict[str, Any] = {}


class Lift(_Strict):
    """Why it ends, in words."""

    because: Words


class NewTopic(_Strict):
    """A topic with the words that recipients read."""

    key: Words
    name: Words
    description: Words = ""


class TopicChange(_Strict):
    """What of a topic changes."""

    name: Words | None = None
    description: Words | None = None
    is_active: bool | None = None


class Decision(_Strict):
    """What a person decided, where, and the proof."""

    status: Literal["subscribed", "unsubscribed"]
    channel: Words = "email"
    topic: Words | None = None
    source: Words
    proof: dict[str, Any] = {}
    occurred_at: AwareDatetime | None = None


class CapChange(_Strict):
    """At most so many in any window."""

    most: int = Field(ge=0, le=frequency.MOST)
    window_hours: int = Field(default=168, ge=1, le=frequency.LONGEST_WINDOW_HOURS)
    is_active: bool = True


@router.get("/suppressions")
def search(
    db: Db,
    text: Words | None = None,
    reason: Words | None = None,
    channel: Words | None = None,
    held_only: bool = False,  # noqa: FBT001, FBT002 - a parameter of the query string
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    after: Id | None = None,
) -> dict[str, Any]:
    found = suppression.search(db, text, reason, limit, after, channel=channel, held_only=held_only, now=now())
    return {"suppressions": found, "next": found[-1].suppression_id if len(found) == limit else None}


@router.post("/suppressions", status_code=201)
def add(new: NewSuppression, db: Db, actor: Caller) -> Any:
    with db.transaction():
        topic_id = topics.find(db, new.topic).topic_id if new.topic else None
        return suppression.add(
            db, address=new.address, contact_id=new.contact_id, channel=new.channel, reason=new.reason, topic_id=topic_id,
            source=new.source, evidence=new.evidence, actor=actor, now=now(),
        )  # fmt: skip


@router.post("/suppressions/csv")
async def import_csv(
    request: Request, db: Db, actor: Caller, channel: Words = "email", reason: Words = "manual", source: Words = "api"
) -> Any:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_UPLOAD:
            raise HTTPException(413, f"At most {LARGEST_UPLOAD // 2**20} MB at once: split the file.")
    with db.transaction():
        return suppression_files.import_csv(
            db, bytes(content), channel=channel, reason=reason, source=source, actor=actor, now=now()
        )


@router.post("/suppressions/{suppression_id}/lift", status_code=204)
def lift(suppression_id: Id, why: Lift, db: Db, actor: Caller) -> None:
    with db.transaction():
        suppression.lift(db, suppression_id, actor=actor, because=why.because, now=now())


@router.get("/topics")
def list_topics(db: Db) -> dict[str, Any]:
    return {"topics": topics.list_all(db)}


@router.post("/topics", status_code=201)
def create_topic(new: NewTopic, db: Db, actor: Caller) -> Any:
    with db.transaction():
        return topics.create(db, new.key, name=new.name, description=new.description, actor=actor, now=now())


@router.patch("/topics/{key}")
def update_topic(key: str, change: TopicChange, db: Db) -> Any:
    with db.transaction():
        return topics.update(db, key, **change.model_dump())


@router.get("/contacts/{contact_id}/consent")
def show_consent(contact_id: Id, db: Db) -> dict[str, Any]:
    moment = now()
    return {
        "states": consent.state_of(db, contact_id, now=moment),
        "history": consent.history(db, contact_id),
        "suppressions": suppression.of_contact(db, contact_id, now=moment),
    }


@router.post("/contacts/{contact_id}/consent", status_code=201)
def record_consent(contact_id: Id, decision: Decision, db: Db, actor: Caller) -> dict[str, Any]:
    with db.transaction():
        consent.record(
            db, contact_id=contact_id, channel=decision.channel, status=decision.status, source=decision.source,
            topic_id=topics.find(db, decision.topic).topic_id if decision.topic else None, proof=decision.proof,
            actor=actor, now=now(), occurred_at=decision.occurred_at,
        )  # fmt: skip
        return show_consent(contact_id, db)


@router.get("/caps")
def list_caps(db: Db) -> dict[str, Any]:
    return {"caps": frequency.caps(db)}


@router.put("/caps/{channel}")
def set_cap(channel: str, cap: CapChange, db: Db, actor: Caller) -> Any:
    with db.transaction():
        return frequency.set_cap(db, channel, **cap.model_dump(), actor=actor, now=now())
