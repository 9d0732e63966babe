"""The web process for recipients: health, and the unsubscribe link that every marketing mail carries (RFC 8058)."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from activation.delivery.outcomes import land_unsubscribe
from activation.tracking.tokens import Links
from engage_db.connection import DatabaseUnreachable, connect_engage
from engage_db.settings import load_settings
from http_api.routes import compliance, segments

app = FastAPI(title="EqueEngage", docs_url=None, redoc_url=None, openapi_url=None)
app.include_router(segments.router)
app.include_router(compliance.router)
for refusal in segments.REFUSALS:
    app.add_exception_handler(refusal, segments.refused)


@app.exception_handler(RequestValidationError)
def not_understood(_request: Request, error: RequestValidationError) -> JSONResponse:
    """What is wrong and where, without what was sent: that may be no JSON that can be sent back."""
    problems = [{"where": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": "The request is not understood.", "problems": problems}, status_code=422)


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{title}</title></head>
<body style="font-family:system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;line-height:1.5;color:#1f2937">
<h1 style="font-size:1.5rem">{title}</h1><p>{words}</p>{form}</body></html>"""

FORM = """<form method="post"><button style="font:inherit;padding:.7rem 1.4rem;border:0;border-radius:.5rem;
background:#4338ca;color:#fff;cursor:pointer">Unsubscribe</button></form>"""


@app.get("/health")
def health() -> Response:
    """200 when the Engage DB answers, else 503."""
    try:
        with connect_engage(application="engage api") as db:
            db.execute("select 1")
    except DatabaseUnreachable:
        return JSONResponse({"status": "the database does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})


@app.get("/u/{token}")
def ask(token: str) -> HTMLResponse:
    """Shows what POST would do. Changes nothing: mail scanners open every link."""
    if _links().message_of("u", token) is None:
        return _page("This link is not valid", "It may have been cut. Use the one in your mail.", status=404)
    return _page("Unsubscribe?", "You will get no more marketing mail from us.", FORM)


@app.post("/u/{token}")
async def unsubscribe(token: str, request: Request) -> Response:
    """Unsubscribes at once, without login, as often as it is asked; answers both people and mail programs."""
    body = await request.body()
    message_id = _links().message_of("u", token)
    if message_id is None:
        return _page("This link is not valid", "It may have been cut. Use the one in your mail.", status=404)
    one_click = b"List-Unsubscribe" in body
    with connect_engage(application="engage api", autocommit=True) as db:
        source = "one-click" if one_click else "link in the mail"
        known = land_unsubscribe(db, message_id, source=source, now=datetime.now(UTC))
    if not known:
        return _page("This link is not valid", "It may have been cut. Use the one in your mail.", status=404)
    if one_click:
        return PlainTextResponse("unsubscribed")
    return _page("You are unsubscribed", "You will get no more marketing mail from us.")


def _links() -> Links:
    settings = load_settings()
    return Links(public_url=settings.public_url, secrets=settings.signing_secrets())


def _page(title: str, words: str, form: str = "", status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=escape(title), words=escape(words), form=form), status_code=status)
