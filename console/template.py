"""engage template: the ready-made ones, and those stored."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import typer
from psycopg.rows import dict_row

from activation.errors import Refused
from activation.templates import versions
from activation.templates.compile_mjml import Problem, compile_mjml
from activation.templates.library import install_library
from activation.templates.links import links_in
from activation.templates.lint import lint as problems_of
from activation.templates.lint import unreachable
from activation.templates.preview import preview as preview_as
from console.environment import actor, engage, now
from console.output import console, print_json, print_table
from console.sample_mail import send_test_mail
from engage_db.settings import load_settings

app = typer.Typer(no_args_is_help=True)
app.command("test")(send_test_mail)

PARTS = ("subject.txt", "preheader.txt", "body.mjml", "body.txt")
JSON = typer.Option(False, "--json")
KEY = typer.Argument(help="key of a template, as `engage template list` shows it")


@app.command("list")
def list_all(json: bool = JSON) -> None:
    """All templates with their newest version."""
    with engage() as db, db.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(versions.SQL.listed).fetchall()
    if json:
        print_json({"templates": found})
    elif not found:
        console.print("No template yet. `engage template install` stores the ready-made ones.")
    else:
        print_table("", ["template", "name", "class", "version"], [tuple(row.values()) for row in found])


@app.command()
def show(key: str = KEY, version: int = typer.Option(None, help="the newest by default"), json: bool = JSON) -> None:
    """What a template says, as its author wrote it."""
    with engage() as db:
        content = versions.content(db, key, version)
    if json:
        print_json(content)
        return
    console.print(f"{content.name} ({content.key}, {content.message_class}), version {content.version}", markup=False)
    for part in versions.PARTS:
        console.print(f"\n--- {part}", markup=False)
        console.print(getattr(content, part), markup=False)


@app.command()
def install(json: bool = JSON) -> None:
    """Stores the ready-made templates."""
    with engage() as db, db.transaction():
        saved = install_library(db, actor=actor(), now=now())
    _say(saved, json)


@app.command()
def save(
    folder: Path = typer.Argument(help=f"a folder with {', '.join(PARTS)}"),
    key: str = typer.Option(None, help="the folder's name by default"),
    name: str = typer.Option(None, help="made of the key by default"),
    message_class: str = typer.Option(None, "--class", help="marketing (by default) or transactional"),
    note: str = typer.Option("", help="why it was changed"),
    json: bool = JSON,
) -> None:
    """Stores a template from files, as a new version when its content is new. What is wrong with it is listed."""
    _check_class(message_class)
    wanted = key or folder.resolve().name
    subject, preheader, body_mjml, body_text = _parts(folder)
    with engage() as db, db.transaction():
        saved = versions.save(
            db, key=wanted, name=name or wanted.replace("_", " ").capitalize(), subject=subject, preheader=preheader,
            body_mjml=body_mjml, body_text=body_text, message_class=message_class, change_note=note, actor=actor(), now=now(),
        )  # fmt: skip
    _say([saved], json)


@app.command()
def lint(
    template: str = typer.Argument(help="key of a stored template, or a folder"),
    message_class: str = typer.Option(None, "--class", help="of a folder: marketing (by default) or transactional"),
    follow_links: bool = typer.Option(
        False, "--follow-links", help="asks every link without a token whether it answers"
    ),
    json: bool = JSON,
) -> None:
    """What is wrong with a template, as a table. Exit code 1 when it could not be stored."""
    _check_class(message_class)
    if Path(template).is_dir():
        subject, preheader, body_mjml, text = _parts(Path(template))
        message_class = message_class or "marketing"
    else:
        with engage() as db:
            stored = versions.content(db, template)
        subject, preheader, body_mjml, text = (getattr(stored, part) for part in versions.PARTS)
        message_class = stored.message_class
    html = compile_mjml(body_mjml, name=template)
    found = problems_of(
        subject=subject.strip(), preheader=preheader.strip(), html=html, text=text, message_class=message_class
    )
    is_refused = any(problem.severity == "error" for problem in found)
    if follow_links and not is_refused:
        found += unreachable(links_in(html), _status)
    _say_problems(found, json)
    if is_refused:
        raise typer.Exit(1)


@app.command()
def history(key: str = KEY, json: bool = JSON) -> None:
    """All versions of a template, newest first."""
    with engage() as db:
        found = versions.history(db, key)
    if json:
        print_json({"versions": [vars(entry) for entry in found]})
        return
    rows = [(e.version, f"{e.created_at:%Y-%m-%d %H:%M}", e.created_by, e.subject, e.change_note) for e in found]
    print_table("", ["version", "stored", "by", "subject", "why"], rows)


@app.command()
def diff(
    key: str = KEY,
    a: int = typer.Argument(help="a version"),
    b: int = typer.Argument(help="another"),
    json: bool = JSON,
) -> None:
    """What changed between two versions, part by part."""
    with engage() as db:
        changes = versions.diff(db, key, a, b)
    if json:
        print_json({"parts": changes})
        return
    for part in changes.values():
        console.print(part, markup=False)
    if not changes:
        console.print(f"Versions {a} and {b} of {key} say the same.")


@app.command()
def rollback(
    key: str = KEY, version: int = typer.Argument(help="the version to go back to"), json: bool = JSON
) -> None:
    """Goes back to an old version by storing its content as the newest one."""
    with engage() as db, db.transaction():
        saved = versions.rollback(db, key, version, actor=actor(), now=now())
    _say([saved], json)


@app.command()
def preview(
    key: str = KEY,
    contact: int = typer.Option(..., help="number of the contact whose values are shown"),
    out: Path = typer.Option(None, help="where the HTML is written; printed are subject and text"),
    json: bool = JSON,
) -> None:
    """The newest version as this contact would get it; its links lead nowhere."""
    settings = load_settings()
    with engage() as db:
        mail = preview_as(db, key, contact, sender=settings.mail_from, postal_address=settings.postal_address)
    if out:
        out.write_text(mail.html)
    if json:
        print_json(mail)
        return
    console.print(f"Subject: {mail.subject}\n\n{mail.text}", markup=False)
    if out:
        console.print(f"\nThe HTML is in {out}.", markup=False)


def _parts(folder: Path) -> list[str]:
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise Refused(f"{folder} holds no {', '.join(missing)}. A template is a folder with {', '.join(PARTS)}.")
    return [(folder / part).read_text() for part in PARTS]


def _check_class(message_class: str | None) -> None:
    if message_class not in (None, "marketing", "transactional"):
        raise Refused(f"There is no class {message_class}: it is marketing or transactional.")


def _status(address: str) -> int:
    """The status of a web address; only called with http and https ones."""
    request = urllib.request.Request(address, headers={"User-Agent": "engage lint"})  # noqa: S310 - links_in says http(s)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _say_problems(found: list[Problem], json: bool) -> None:
    if json:
        print_json({"problems": [vars(problem) for problem in found]})
    elif not found:
        console.print("Nothing is wrong with it.")
    else:
        print_table("", ["", "where", "what", "how to mend it"], [tuple(vars(problem).values()) for problem in found])


def _say(saved: list[versions.SavedVersion], json: bool) -> None:
    if json:
        print_json({"templates": [vars(version) for version in saved]})
    else:
        rows = [(version.key, version.version, "new" if version.changed else "as it was") for version in saved]
        print_table("", ["template", "version", ""], rows)
