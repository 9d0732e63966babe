"""/v1/segments: the same commands as `engage segment`, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from activation.errors import NotFound, Refused
from activation.segments import commands, lists
from activation.segments.backtest import backtest as look_back
from activation.segments.explain import why as explain
from activation.segments.export import as_dbt_model
from activation.segments.preview import difference
from activation.segments.preview import preview as look
from activation.segments.problems import DefinitionRefused
from activation.segments.refresh import refresh as refresh_segment
from activation.segments.refresh import refresh_all
from activation.segments.rules.operators import OPERATORS
from activation.segments.rules.schema import json_schema
from engage_db.connection import connect_engage
from http_api.auth import caller

router = APIRouter(prefix="/v1/segments", tags=["segments"], dependencies=[Depends(caller)])
Caller = Annotated[str, Depends(caller)]
LARGEST_UPLOAD = 200 * 1024 * 1024


def database() -> Iterator[Connection]:
    """A connection for one request."""
    with connect_engage(application="engage api", autocommit=True, statement_timeout="120s") as db:
        yield db


Db = Annotated[Connection, Depends(database)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSegment(_Strict):
    """What a segment is made of."""

    key: str
    kind: Literal["rules", "sql", "manual", "function"]
    title: str
    definition: dict[str, Any]
    description: str = ""
    refresh: str = commands.AFTER_BUILD


class Change(_Strict):
    """What of a segment changes; `expected_version` guards against overwriting somebody else's change."""

    definition: dict[str, Any] | None = None
    title: str | None = None
    description: str | None = None
    refresh: str | None = None
    expected_version: int | None = None


class Draft(_Strict):
    """A definition that is not saved."""

    kind: Literal["rules", "sql", "manual", "function"] = "rules"
    definition: dict[str, Any]
    sample: int = Field(default=10, ge=0, le=1000)


class Edit(_Strict):
    """A definition to compare with the membership as it is."""

    definition: dict[str, Any]
    sample: int = Field(default=10, ge=0, le=1000)


class Dates(_Strict):
    """Past dates; without any the last 30 days."""

    definition: dict[str, Any] | None = None
    dates: list[date] = []


def now() -> datetime:
    return datetime.now(UTC)


@router.get("")
def list_all(db: Db) -> dict[str, Any]:
    return {"segments": commands.list_all(db)}


@router.get("/operators")
def operators() -> dict[str, Any]:
    table = [{name: value for name, value in vars(each).items() if name != "sql"} for each in OPERATORS]
    return {"operators": table, "json_schema": json_schema()}


@router.post("", status_code=201)
def create(new: NewSegment, db: Db, actor: Caller) -> dict[str, Any]:
    commands.create(
        db, new.key, kind=new.kind, title=new.title, definition=new.definition, description=new.description,
        refresh=new.refresh, actor=actor, now=now(),
    )  # fmt: skip
    report = refresh_segment(db, new.key, now=now())
    return {"segment": commands.show(db, new.key), "refreshed": report}


@router.post("/preview")
def preview(draft: Draft, db: Db) -> Any:
    return look(db, draft.kind, draft.definition, at=now(), sample=draft.sample)


@router.post("/evaluate")
def evaluate_all(db: Db) -> dict[str, Any]:
    return {"refreshed": refresh_all(db, now=now())}


@router.post("/backtest")
def backtest_draft(asked: Dates, db: Db) -> dict[str, Any]:
    if asked.definition is None:
        raise HTTPException(422, "definition is missing")
    return _backtest(db, asked.definition, asked.dates)


@router.get("/{key}")
def show(key: str, db: Db) -> dict[str, Any]:
    segment = commands.show(db, key)
    return {"segment": segment, "versions": commands.versions(db, key), "snapshots": commands.snapshots(db, key)}


@router.patch("/{key}")
def update(key: str, change: Change, db: Db, actor: Caller) -> dict[str, Any]:
    commands.update(db, key, **change.model_dump(), actor=actor, now=now())
    report = refresh_segment(db, key, now=now())
    return {"segment": commands.show(db, key), "refreshed": report}


@router.delete("/{key}", status_code=204)
def delete(key: str, db: Db, actor: Caller) -> None:
    commands.delete(db, key, actor=actor, now=now())


@router.post("/{key}/evaluate")
def evaluate(key: str, db: Db, *, accept_jump: bool = False) -> Any:
    return refresh_segment(db, key, now=now(), accept_jump=accept_jump)


@router.post("/{key}/preview")
def preview_saved(key: str, db: Db, sample: Annotated[int, Query(ge=0, le=1000)] = 10) -> Any:
    segment = commands.show(db, key)
    return look(db, segment.kind, segment.definition, at=now(), sample=sample, key=key)


@router.post("/{key}/diff")
def diff(key: str, edit: Edit, db: Db) -> Any:
    return difference(db, key, edit.definition, at=now(), sample=edit.sample)


@router.get("/{key}/why/{contact_id}")
def why(key: str, contact_id: int, db: Db) -> dict[str, Any]:
    found = explain(db, key, contact_id, at=now())
    return {**vars(found), "note": found.note}


@router.post("/{key}/backtest")
def backtest(key: str, asked: Dates, db: Db) -> dict[str, Any]:
    return _backtest(db, commands.show(db, key).definition, asked.dates)


@router.get("/{key}/export")
def export(key: str, db: Db, name: Annotated[str | None, Query(pattern="^[a-z][a-z0-9_]{0,62}$")] = None) -> Any:
    return as_dbt_model(db, key, name=name)


@router.get("/{key}/members")
def members(
    key: str, db: Db, at: datetime | None = None, after: int = 0, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> dict[str, Any]:
    moment = at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
    found = commands.members(db, key, at=moment, after=after, limit=limit)
    return {"members": found, "next": found[-1]["contact_id"] if len(found) == limit else None}


@router.post("/{key}/snapshots/{name}", status_code=201)
def snapshot(key: str, name: str, db: Db, actor: Caller) -> dict[str, Any]:
    return {"name": name, "size": commands.take_snapshot(db, key, name, actor=actor, now=now())}


@router.post("/{key}/list")
def change_list(
    key: str,
    contact_ids: Annotated[list[int], Body(embed=True, max_length=1_000_000)],
    db: Db,
    actor: Caller,
    mode: Literal["add", "replace", "remove"] = "add",
) -> dict[str, Any]:
    report = lists.upload(db, key, lists.of_ids(contact_ids), mode=mode, actor=actor, now=now())
    return {"upload": report, "refreshed": refresh_segment(db, key, now=now(), accept_jump=True)}


async def posted_file(request: Request) -> bytes:
    """The body as it was sent; refused while it comes when it is too large."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_UPLOAD:
            raise HTTPException(413, f"At most {LARGEST_UPLOAD // 2**20} MB at once: split the file.")
    return bytes(content)


@router.post("/{key}/csv")
def upload_csv(
    key: str,
    content: Annotated[bytes, Depends(posted_file)],
    db: Db,
    actor: Caller,
    mode: Literal["add", "replace", "remove"] = "add",
) -> dict[str, Any]:
    report = lists.upload(db, key, lists.read_csv(content), mode=mode, actor=actor, now=now())
    return {"upload": report, "refreshed": refresh_segment(db, key, now=now(), accept_jump=True)}


def _backtest(db: Connection, definition: dict[str, Any], dates: list[date]) -> dict[str, Any]:
    wanted = dates or [now().date() - timedelta(days=back) for back in range(30, 0, -1)]
    found = look_back(db, definition, wanted, at=now())
    return {"points": [{"date": day, "size": size} for day, size in found.points], "caveats": found.caveats}


def refused(_request: Request, error: Exception) -> JSONResponse:
    """What was asked for and cannot be had: 404 for unknown names, 422 for definitions with every problem, else 409."""
    if isinstance(error, DefinitionRefused):
        return JSONResponse(
            {"detail": str(error), "problems": [vars(each) for each in error.problems]}, status_code=422
        )
    return JSONResponse({"detail": str(error)}, status_code=404 if isinstance(error, NotFound) else 409)


REFUSALS = (Refused,)
