"""Who must not be written to: added once, lifted with words, found by pages, in and out of files; topics and caps."""

import io
from datetime import timedelta

import psycopg
import pytest

from activation.compliance import frequency, suppression, topics
from activation.compliance.suppression_files import export_csv, import_csv
from activation.errors import NotFound, Refused
from tests.factories import engage as given_engage
from tests.factories.engage import NOW, add_contact, add_suppression, add_topic

LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def url(cluster):
    """One database for the module: what a test does to it is rolled back."""
    with cluster.migrated_database() as url:
        with psycopg.connect(url, options="-c timezone=UTC") as db:
            given_engage.build(db)
            add_contact(db, 1)
            add_contact(db, 2, None)
        yield url


@pytest.fixture
def db(url):
    with psycopg.connect(url, options="-c timezone=UTC") as db:
        yield db
        db.rollback()


def add(db, reason="manual", *, now=NOW, **who):
    arguments = {"channel": "email", "source": "person", "evidence": {"note": "asked by telephone"}, "actor": "cli:ada"}
    return suppression.add(db, reason=reason, now=now, **{**arguments, **who})


def found(db, *arguments, now=NOW, **filters):
    return suppression.search(db, *arguments, now=now, **filters)


def test_an_address_alone_is_added_once_as_it_is_compared(db):
    first, second = add(db, address=" Ada@Shop.example "), add(db, address="ada@shop.example", now=LATER)

    assert (first.changed, second.changed) == (True, False)
    assert first.suppression_id == second.suppression_id
    (entry,) = found(db)
    assert (entry.contact_id, entry.address, entry.created_at, entry.holds) == (0, "ada@shop.example", NOW, True)
    assert entry.evidence == {"note": "asked by telephone", "by": "cli:ada"}


def test_a_person_is_added_with_their_address(db):
    add(db, contact_id=1)

    assert [(entry.contact_id, entry.address) for entry in found(db)] == [(1, "c1@mail.test.dev")]


def test_what_was_lifted_or_has_expired_holds_again_when_added_again(db):
    lifted = add(db, address="a@b.example").suppression_id
    suppression.lift(db, lifted, actor="cli:ada", because="a mistake", now=NOW)
    add(db, "soft_bounce_run", address="a@b.example", expires_at=NOW + timedelta(hours=1))

    again = add(db, address="a@b.example", now=LATER), add(db, "soft_bounce_run", address="a@b.example", now=LATER)

    assert [entry.changed for entry in again] == [True, True]
    assert all(entry.holds and entry.created_at == LATER for entry in found(db, now=LATER))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "needs an address"),
        ({"address": "nobody"}, "no mail address"),
        ({"address": "a@b"}, "no mail address"),
        ({"address": "a@b.example\r\nBcc: c@d.example"}, "no mail address"),
        ({"address": "12", "channel": "sms"}, "no telephone number"),
        ({"contact_id": -1}, "no contact -1"),
        ({"contact_id": 2, "reason": "hard_bounce"}, "needs an address"),
        ({"address": "a@b.example", "reason": "annoying"}, "no reason 'annoying'"),
        ({"address": "a@b.example", "reason": "unsubscribed_topic"}, "Give a topic"),
        ({"address": "a@b.example", "channel": "fax"}, "no channel 'fax'"),
        ({"address": "a@b.example", "evidence": {"x": float("nan")}}, "Proof is text"),
        ({"address": "a@b.example", "evidence": {"x": "\x00"}}, "without NUL"),
        ({"address": "a@b.example", "evidence": {"x": "y" * 30_000}}, "at most"),
    ],
)
def test_what_cannot_be_a_suppression_is_refused(db, wrong, words):
    with pytest.raises(Refused, match=words):
        add(db, **{"reason": "manual", **wrong})


def test_lifting_keeps_who_and_why(db):
    number = add(db, "complaint", contact_id=1).suppression_id

    suppression.lift(db, number, actor="cli:ada", because="She wrote that it was a slip of the finger.", now=LATER)

    (entry,) = found(db, now=LATER)
    assert not entry.holds
    assert (entry.lifted_at, entry.lifted_by) == (LATER, "cli:ada")
    assert "slip of the finger" in entry.lifted_because


@pytest.mark.parametrize(
    ("actor", "because", "words"),
    [("cli:ada", "  ", "Say in words"), ("cli:ada", "-", "Say in words"), ("api", "a good reason", "by a person only")],
)
def test_nothing_lifts_a_complaint_but_a_person_with_a_reason(db, actor, because, words):
    number = add(db, "complaint", contact_id=1).suppression_id

    with pytest.raises(Refused, match=words):
        suppression.lift(db, number, actor=actor, because=because, now=LATER)

    assert found(db)[0].holds


def test_lifting_twice_or_nothing_is_refused(db):
    number = add(db, address="a@b.example").suppression_id
    suppression.lift(db, number, actor="api", because="a mistake", now=NOW)

    with pytest.raises(Refused, match="was lifted on 2026-11-20 by api"):
        suppression.lift(db, number, actor="api", because="a mistake", now=NOW)
    with pytest.raises(NotFound):
        suppression.lift(db, number + 1, actor="api", because="a mistake", now=NOW)


def test_an_expired_one_no_longer_holds_though_nothing_ran(db):
    add_suppression(db, "soft_bounce_run", address="a@b.example", expires_at=NOW + timedelta(hours=1))

    assert [found(db, now=at)[0].holds for at in (NOW, NOW + timedelta(hours=1))] == [True, False]
    assert found(db, now=LATER, held_only=True) == []


def test_the_list_is_read_by_pages_that_never_repeat_nor_miss(db):
    numbers = [add(db, address=f"a{number}@b.example").suppression_id for number in range(5)]

    pages, after = [], None
    while page := found(db, None, None, 2, after):
        pages += [entry.suppression_id for entry in page]
        after = pages[-1]

    assert pages == numbers[::-1]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"text": "ADA"}, ["ada@b.example"]),
        ({"text": "1"}, ["c1@mail.test.dev"]),
        ({"text": "%"}, []),
        ({"reason": "complaint"}, ["c1@mail.test.dev"]),
        ({"text": "ada", "reason": "complaint"}, []),
        ({"channel": "sms"}, []),
    ],
)
def test_the_list_is_searched_by_beginning_number_and_reason(db, filters, expected):
    add(db, address="ada@b.example")
    add(db, "complaint", contact_id=1)

    assert [entry.address for entry in found(db, **filters)] == expected


def test_of_a_contact_are_their_own_and_those_of_their_address(db):
    add_suppression(db, "hard_bounce", contact_id=1, address="older@mail.test.dev")
    add_suppression(db, "manual", address="c1@mail.test.dev")
    add_suppression(db, "manual", address="else@mail.test.dev")

    known = suppression.of_contact(db, 1, now=NOW)

    assert [(entry.address, entry.holds) for entry in known] == [
        ("c1@mail.test.dev", True),
        ("older@mail.test.dev", False),
    ]


# -- files


def take(db, content, **options):
    arguments = {"channel": "email", "reason": "manual", "source": "import old.csv", "actor": "cli:ada", "now": NOW}
    return import_csv(db, content, **{**arguments, **options})


def test_a_file_of_addresses_is_taken_row_by_row_and_wrong_rows_are_reported(db):
    file = b"Email;Reason\na@b.example;\nA@B.example;manual\nno address;\nc@d.example;complaint\ne@f.example;annoying\n"

    report = take(db, file)

    assert (report.rows, report.added, report.already, report.wrong) == (5, 2, 0, 2)
    assert [(problem.line, problem.value) for problem in report.problems] == [(4, "no address"), (6, "e@f.example")]
    assert {(entry.address, entry.reason) for entry in found(db)} == {
        ("a@b.example", "manual"),
        ("c@d.example", "complaint"),
    }


def test_the_same_file_again_adds_nothing(db):
    file = b"address\na@b.example\nc@d.example\n"
    take(db, file)

    again = take(db, file, now=LATER)

    assert (again.added, again.already) == (0, 2)


def test_an_old_file_undoes_no_newer_decision(db):
    take(db, b"address\na@b.example\n")
    suppression.lift(db, found(db)[0].suppression_id, actor="cli:ada", because="they came back", now=NOW)

    again = take(db, b"address\na@b.example\n", now=LATER)

    assert (again.added, again.wrong) == (0, 1)
    assert "was lifted on 2026-11-20 by cli:ada" in again.problems[0].message
    assert not found(db)[0].holds


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"name\nada\n", "no column address"),
        (b"", "it has nothing"),
        (b"address\n\xff\xfe\xfa", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_list_is_refused(db, file, words):
    with pytest.raises(Refused, match=words):
        take(db, file)


def test_a_file_in_the_encoding_of_spreadsheets_is_read(db):
    assert take(db, "address\nzoë@b.example\na@b.example\n".encode("utf-16")).added == 2


def test_what_is_exported_is_imported_again_and_no_cell_computes(db):
    add(db, address="=1+1@b.example")
    add(db, address="+39 06 12345678", channel="sms")
    add(db, "soft_bounce_run", address="gone@b.example", expires_at=NOW)
    file = io.StringIO()

    written = export_csv(db, file, now=NOW)

    lines = file.getvalue().splitlines()
    assert (written, len(lines)) == (2, 3)
    assert "'=1+1@b.example" in lines[1]
    assert "'+390612345678" in lines[2]
    assert take(db, file.getvalue().encode(), channel="sms").already == 1


# -- topics and caps


def test_a_topic_is_created_changed_and_taken_out_of_use(db):
    topics.create(db, "offers", name=" Offers ", description="Once a week.", actor="cli:ada", now=NOW)

    topics.update(db, "offers", name="Offers and news", is_active=False)

    topic = topics.find(db, "offers")
    assert (topic.name, topic.description, topic.is_active) == ("Offers and news", "Once a week.", False)


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [("Bad Key", "X", "cannot be a key"), ("x", " ", "needs a name"), ("news", "N", "already")],
)
def test_a_topic_that_cannot_be_is_refused(db, key, name, words):
    add_topic(db, "news")

    with pytest.raises(Refused, match=words):
        topics.create(db, key, name=name, actor="cli:ada", now=NOW)


def test_an_unknown_topic_is_answered_with_those_there_are(db):
    add_topic(db, "news")

    with pytest.raises(NotFound, match="there is news"):
        topics.find(db, "offers")


def test_the_cap_of_mail_is_three_in_seven_days_until_somebody_changes_it(db):
    before = frequency.cap_of(db, "email")

    after = frequency.set_cap(db, "email", most=5, window_hours=48, actor="cli:ada", now=LATER)

    assert (before.most, before.window_hours, before.is_active) == (3, 168, True)
    assert (after.most, after.window_hours, after.updated_by) == (5, 48, "cli:ada")


@pytest.mark.parametrize(("most", "hours"), [(-1, 24), (1001, 24), (3, 0), (3, 366 * 24 + 1)])
def test_what_is_no_cap_is_refused(db, most, hours):
    with pytest.raises(Refused):
        frequency.set_cap(db, "email", most=most, window_hours=hours, actor="cli:ada", now=NOW)
