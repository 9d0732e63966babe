"""Webhooks: only what the provider really said is believed, and nothing that it says is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from activation.channels.contract import WebhookInvalid, WebhookRefused
from activation.channels.email import sns
from activation.channels.email.bounces import is_our_domain
from tests.integration.channels.signers import (
    CERTIFICATES,
    NOW,
    TOPIC,
    PostmarkSigner,
    ResendSigner,
    SendGridSigner,
    SesSigner,
    postmark_event,
    resend_event,
    sendgrid_event,
    ses_event,
)

SIGNERS = [ResendSigner, SesSigner, SendGridSigner, PostmarkSigner]


@pytest.fixture(params=SIGNERS, ids=lambda signer: signer.name, scope="module")
def signer(request):
    return request.param()


def read(reader, told, *, now=NOW):
    headers, body = told
    return reader.read_webhook(headers, body, now=now)


def test_a_genuine_event_is_read_in_our_words(signer):
    (outcome,) = read(signer.reader(), signer.sign(signer.event()))

    assert outcome.type == "delivered"
    assert (outcome.message_id, outcome.epoch) == (42, "e1")
    assert outcome.provider_message_id in {"re-1", "ses-1", "sg1", "pm-1"}
    assert outcome.event_id
    assert abs(outcome.occurred_at - datetime(2026, 11, 27, 9, 59, 58, tzinfo=UTC)) < timedelta(seconds=1)
    assert outcome.payload


def test_an_event_told_twice_has_the_same_id(signer):
    told = [read(signer.reader(), signer.sign(signer.event(), NOW + timedelta(seconds=n))) for n in (0, 9)]

    assert told[0][0].event_id == told[1][0].event_id


def test_what_another_key_signed_is_refused(signer):
    told = signer.sign(signer.event(), key=1)
    if signer.name == "ses":  # the right certificate is named, the signature is of the other key
        told = signer.sign(signer.event(), key=1, SigningCertURL=CERTIFICATES.format(0))

    with pytest.raises(WebhookRefused):
        read(signer.reader(), told)


def test_an_altered_request_is_refused(signer):
    told = signer.sign(signer.event())
    altered = signer.alter(told)
    assert altered != told

    with pytest.raises(WebhookRefused):
        read(signer.reader(), altered)


def test_a_request_without_any_proof_is_refused(signer):
    with pytest.raises(WebhookRefused):
        read(signer.reader(), ({}, signer.event()))


@pytest.mark.parametrize("hours", [-25, 25])
def test_a_stale_request_is_refused_both_ways(signer, hours):
    if not signer.signs_time:
        pytest.skip(f"{signer.name} gives no time of sending")

    with pytest.raises(WebhookRefused):
        read(signer.reader(), signer.sign(signer.event(), NOW + timedelta(hours=hours)))


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_off_harms_nothing(signer, minutes):
    assert read(signer.reader(), signer.sign(signer.event(), NOW + timedelta(minutes=minutes)))


def test_the_five_minutes_of_a_signature_are_five_minutes():
    for signer in (ResendSigner(), SendGridSigner()):
        for seconds in (-301, 301):
            with pytest.raises(WebhookRefused):
                read(signer.reader(), signer.sign(signer.event(), NOW + timedelta(seconds=seconds)))


def test_without_a_secret_nothing_is_believed_and_the_variable_is_named(signer):
    with pytest.raises(WebhookRefused, match=r"[A-Z_]{10,} is not set"):
        read(signer.reader_without_secret(), signer.sign(signer.event()))


def test_while_a_key_is_replaced_both_are_believed(signer):
    if signer.name == "postmark":
        pytest.skip("its password is changed in the webhook's own address")

    for key in (0, 1):
        assert read(signer.reader_while_rotating(), signer.sign(signer.event(), key=key))


def test_any_of_several_signatures_may_be_right():
    signer = ResendSigner()
    headers, body = signer.sign(signer.event())
    other, _ = signer.sign(signer.event(), key=1)
    both = f"v2,xyz {other['svix-signature']} {headers['svix-signature']}"

    assert read(signer.reader(), ({**headers, "svix-signature": both}, body))


def test_a_megabyte_is_read_when_genuine_and_refused_when_not(signer):
    told = signer.sign(signer.event("unknown", filler="x" * 1_000_000))

    assert len(read(signer.reader(), told)) == 1
    with pytest.raises(WebhookRefused):
        read(signer.reader(), ({}, told[1].replace(b"x", b"y")))


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"", b"{", b"7", b'"text"', b"null"])
def test_what_cannot_be_read_is_said_to_be_so(signer, body):
    with pytest.raises((WebhookInvalid, signer.unreadable)):
        read(signer.reader(), signer.sign(body))


def test_a_type_nobody_knows_is_kept_under_the_providers_word(signer):
    (outcome,) = read(signer.reader(), signer.sign(signer.event("unknown")))

    assert "eleport" in outcome.type
    assert outcome.message_id == 42
    assert "eleport" in orjson.dumps(outcome.payload).decode()


@pytest.mark.parametrize("tag", ["", "x", "-1", "9" * 40, None, [], {}, "٣", 4.5, True])
def test_a_tag_that_is_none_of_ours_is_nobodys(tag):
    signer = SendGridSigner()

    (outcome,) = read(signer.reader(), signer.sign(orjson.dumps([sendgrid_event("delivered", message_id=tag)])))

    assert outcome.message_id is None


def told_by_resend(told, **data):
    signer = ResendSigner()
    return read(signer.reader(), signer.sign(orjson.dumps(resend_event(told, **data))))[0]


def told_by_ses(told, detail=None, **more):
    signer = SesSigner()
    event = {**ses_event(told), **({told.lower(): detail} if detail else {}), **more}
    return read(signer.reader(), signer.sign(orjson.dumps(event)))[0]


def told_by_sendgrid(told, **more):
    signer = SendGridSigner()
    return read(signer.reader(), signer.sign(orjson.dumps([sendgrid_event(told, **more)])))[0]


def told_by_postmark(told, **more):
    signer = PostmarkSigner()
    return read(signer.reader(), signer.sign(orjson.dumps(postmark_event(told, **more))))[0]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (lambda: told_by_resend("email.sent"), "sent"),
        (lambda: told_by_resend("email.scheduled"), "queued"),
        (lambda: told_by_resend("email.delivery_delayed"), "deferred"),
        (lambda: told_by_resend("email.failed", failed={"reason": "x"}), "rejected"),
        (lambda: told_by_resend("email.suppressed"), "rejected hard"),
        (lambda: told_by_resend("email.complained"), "complained"),
        (lambda: told_by_resend("email.opened"), "opened"),
        (lambda: told_by_resend("email.clicked", click={"link": "https://a.dev"}), "clicked"),
        (lambda: told_by_resend("contact.created"), "contact.created"),
        (lambda: told_by_resend("email.bounced", bounce={"type": "Permanent", "subType": "General"}), "bounced hard"),
        (lambda: told_by_resend("email.bounced", bounce={"type": "Undetermined"}), "bounced soft"),
        (
            lambda: told_by_resend("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull"}),
            "bounced soft",
        ),
        (
            lambda: told_by_resend("email.bounced", bounce={"type": "Transient", "subType": "MessageTooLarge"}),
            "bounced uncounted",
        ),
        (
            lambda: told_by_resend("email.bounced", bounce={"type": "Permanent", "message": "550 5.7.1 spam"}),
            "bounced uncounted",
        ),
        (lambda: told_by_resend("email.bounced"), "bounced soft"),
        (lambda: told_by_ses("Send"), "sent"),
        (lambda: told_by_ses("DeliveryDelay"), "deferred"),
        (lambda: told_by_ses("Reject", {"reason": "Bad content"}), "rejected"),
        (lambda: told_by_ses("Rendering Failure"), "rejected"),
        (lambda: told_by_ses("Complaint"), "complained"),
        (lambda: told_by_ses("Open"), "opened"),
        (lambda: told_by_ses("Click", {"link": "https://a.dev"}), "clicked"),
        (lambda: told_by_ses("Subscription", {"newTopicPreferences": {"unsubscribeAll": True}}), "unsubscribed"),
        (lambda: told_by_ses("Subscription", {"newTopicPreferences": {"unsubscribeAll": False}}), "Subscription"),
        (lambda: told_by_ses("Bounce", {"bounceType": "Permanent", "bounceSubType": "Suppressed"}), "bounced hard"),
        (
            lambda: told_by_ses("Bounce", {"bounceType": "Transient", "bounceSubType": "ContentRejected"}),
            "bounced uncounted",
        ),
        (
            lambda: told_by_ses(
                "Bounce",
                {"bounceType": "Transient", "bouncedRecipients": [{"status": "5.1.1", "diagnosticCode": "smtp; no"}]},
            ),
            "bounced hard",
        ),
        (lambda: told_by_sendgrid("processed"), "queued"),
        (lambda: told_by_sendgrid("deferred", response="451 busy"), "deferred"),
        (lambda: told_by_sendgrid("spamreport"), "complained"),
        (lambda: told_by_sendgrid("open"), "opened"),
        (lambda: told_by_sendgrid("click", url="https://a.dev"), "clicked"),
        (lambda: told_by_sendgrid("group_unsubscribe"), "unsubscribed"),
        (lambda: told_by_sendgrid("group_resubscribe"), "group_resubscribe"),
        (lambda: told_by_sendgrid("dropped", reason="Bounced Address"), "rejected hard"),
        (lambda: told_by_sendgrid("dropped", reason="Spam Content"), "rejected"),
        (lambda: told_by_sendgrid("dropped", reason="Invalid SMTPAPI header"), "rejected"),
        (lambda: told_by_sendgrid("bounce", type="bounce", status="5.1.1", reason="no such user"), "bounced hard"),
        (lambda: told_by_sendgrid("bounce", type="blocked", reason="550 blocked"), "bounced uncounted"),
        (
            lambda: told_by_sendgrid("bounce", type="bounce", bounce_classification="Mailbox Unavailable"),
            "bounced soft",
        ),
        (lambda: told_by_sendgrid("bounce", type="bounce", status="5.2.2"), "bounced soft"),
        (lambda: told_by_postmark("Open", UserAgent="X"), "opened"),
        (lambda: told_by_postmark("Click", OriginalLink="https://a.dev"), "clicked"),
        (lambda: told_by_postmark("SpamComplaint"), "complained"),
        (lambda: told_by_postmark("Bounce", Type="HardBounce", ID=7), "bounced hard"),
        (lambda: told_by_postmark("Bounce", Type="SoftBounce", ID=7), "bounced soft"),
        (lambda: told_by_postmark("Bounce", Type="Blocked", ID=7), "bounced uncounted"),
        (lambda: told_by_postmark("Bounce", Type="SomethingNew", ID=7), "bounced soft"),
        (lambda: told_by_postmark("Bounce", Type="AutoResponder", ID=7), "AutoResponder"),
        (
            lambda: told_by_postmark(
                "SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", Origin="Recipient"
            ),
            "unsubscribed",
        ),
        (lambda: told_by_postmark("SubscriptionChange", SuppressSending=False), "SubscriptionChange"),
    ],
)
def test_each_word_of_a_provider_is_one_of_ours(outcome, words):
    found = outcome()

    assert " ".join(filter(None, (found.type, found.bounce))) == words


def test_words_keep_no_whole_address_and_the_rest_of_a_click_is_kept():
    bounced = told_by_resend(
        "email.bounced", bounce={"type": "Permanent", "message": "550 5.1.1 <ada.l@mail.test.dev> no"}
    )
    clicked = told_by_resend("email.clicked", click={"link": "https://a.dev", "userAgent": "X", "ipAddress": "1.2.3.4"})

    assert bounced.words == "550 5.1.1 <a…@mail.test.dev> no"
    assert (clicked.link, clicked.agent, clicked.ip) == ("https://a.dev", "X", "1.2.3.4")


def test_tags_are_read_as_a_list_too():
    assert told_by_resend("email.sent", tags=[{"name": "message_id", "value": "9"}]).message_id == 9


def test_many_events_of_one_request_are_many_outcomes():
    signer = SendGridSigner()
    events = [sendgrid_event("delivered"), sendgrid_event("open"), {"event": "account_status_change", "timestamp": 1}]

    outcomes = read(signer.reader(), signer.sign(orjson.dumps(events)))

    assert [outcome.type for outcome in outcomes] == ["delivered", "opened", "account_status_change"]
    assert len({outcome.event_id for outcome in outcomes}) == 3


def test_postmark_tells_two_clicks_apart_and_one_click_told_twice_not():
    first = told_by_postmark("Click", OriginalLink="https://a.dev")
    again = told_by_postmark("Click", OriginalLink="https://a.dev")
    other = told_by_postmark("Click", OriginalLink="https://b.dev")

    assert first.event_id == again.event_id != other.event_id


def test_a_domain_of_ours_that_is_broken_is_recognised():
    assert is_our_domain("550 5.7.26 unauthenticated mail is not accepted")
    assert is_our_domain("550 5.7.515 Access denied")
    assert not is_our_domain("550 5.7.1 message refused")


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_of_sns_are_believed(version):
    signer = SesSigner()

    assert read(signer.reader(), signer.sign(signer.event(), version=version, Subject="A subject is signed too"))


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.dev/SimpleNotificationService-0.pem",
        "https://evil.dev/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0.pem",
        "https://eve@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://evil.dev#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://s3.eu-west-1.amazonaws.com/evil/0.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_asked_for(address):
    signer = SesSigner()

    with pytest.raises(WebhookRefused):
        read(signer.reader(), signer.sign(signer.event(), SigningCertURL=address))
    assert signer.fetched == []
    with pytest.raises(WebhookRefused):
        sns.fetch(address)


@pytest.mark.parametrize(
    "path",
    [
        "/0.pem",
        "/SimpleNotificationService-.pem",
        "/SimpleNotificationService-xyz.pem",
        "/a/SimpleNotificationService-0.pem",
        "/SimpleNotificationService-0.pem/",
        "/SimpleNotificationService-0.pem?n=1",
        "/SimpleNotificationService-0.pem#1",
        "/?Action=GetTopicAttributes",
    ],
)
def test_what_is_no_certificate_at_sns_is_not_asked_for_either(path):
    signer = SesSigner()

    with pytest.raises(WebhookRefused, match="certificate"):
        read(signer.reader(), signer.sign(signer.event(), SigningCertURL=f"https://sns.eu-west-1.amazonaws.com{path}"))
    assert signer.fetched == []


def test_an_outdated_certificate_and_another_topic_are_refused():
    signer = SesSigner()

    with pytest.raises(WebhookRefused, match="certificate"):
        read(signer.reader(), signer.sign(signer.event(), NOW + timedelta(days=400)), now=NOW + timedelta(days=400))
    with pytest.raises(WebhookRefused, match="another topic"):
        read(signer.reader(), signer.sign(signer.event(), TopicArn=TOPIC + "-x"))


def test_the_subscription_of_our_topic_confirms_itself_and_of_no_other():
    signer = SesSigner()
    address = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": address, "Token": "t"}

    assert read(signer.reader(), signer.sign(b"please", **asked)) == []
    assert signer.visited == [address]

    for refused in ({"TopicArn": TOPIC + "-x"}, {"SubscribeURL": "https://evil.dev/"}):
        with pytest.raises(WebhookRefused):
            read(signer.reader(), signer.sign(b"please", **{**asked, **refused}))
    assert signer.visited == [address]


def test_a_certificate_is_asked_for_once():
    signer = SesSigner()
    remembered = sns.remembered(signer.fetch)
    address = "https://sns.eu-west-1.amazonaws.com/0.pem"

    assert remembered(address) == remembered(address)
    assert len(signer.fetched) == 1


def test_a_certificate_that_could_not_be_had_is_asked_for_again_only_after_a_while():
    asked, moment = [], [0.0]

    def fetch(address):
        asked.append(address)
        if moment[0] < sns.FAILURE_SECONDS:
            raise TimeoutError("timed out")
        return b"certificate"

    remembered = sns.remembered(fetch, lambda: moment[0])
    for seconds in (0, 1, sns.FAILURE_SECONDS - 1):
        moment[0] = seconds
        with pytest.raises(OSError, match="timed out"):
            remembered("a")
    assert asked == ["a"]

    moment[0] = sns.FAILURE_SECONDS
    assert remembered("a") == b"certificate"
