"""The local Resend behaves as the real one is documented to, seen through the official SDK and over plain HTTP."""

from __future__ import annotations

import threading

import httpx
import pytest
import resend
from resend.exceptions import ResendError

from tests.support.resend_process import running_resend

MAIL = {
    "from": "Shop <news@shop.test.dev>",
    "to": ["delivered@resend.dev"],
    "subject": "Hello",
    "html": "<p>Hi</p>",
}


@pytest.fixture(scope="module")
def server():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture
def sdk(server):
    httpx.delete(f"{server.url}/_inspect")
    resend.api_key, resend.api_url = "re_test", server.url
    return server


def post(server, path, body, **headers):
    with httpx.Client() as client:
        return client.post(f"{server.url}{path}", json=body, headers={"Authorization": "Bearer re_test", **headers})


def test_the_sdk_sends_one_mail_and_finds_it_again(sdk):
    sent = resend.Emails.send(MAIL)

    assert resend.Emails.get(sent["id"])["subject"] == "Hello"
    assert sdk.recipients() == {"delivered@resend.dev": 1}


def test_a_batch_is_answered_in_order_and_repeated_under_its_key_without_sending(sdk):
    mails = [{**MAIL, "to": [f"delivered+{n}@resend.dev"]} for n in range(100)]

    first = resend.Batch.send(mails, options={"idempotency_key": "run-1"})
    second = resend.Batch.send(mails, options={"idempotency_key": "run-1"})

    assert first["data"] == second["data"]
    assert [mail["to"] for mail in sdk.mails()] == [mail["to"] for mail in mails]


def test_another_body_under_the_same_key_is_refused(sdk):
    resend.Emails.send(MAIL, options={"idempotency_key": "k"})

    with pytest.raises(ResendError) as refused:
        resend.Emails.send({**MAIL, "subject": "Other"}, options={"idempotency_key": "k"})

    assert refused.value.error_type == "invalid_idempotent_request"
    assert len(sdk.mails()) == 1


def test_a_key_is_forgotten_after_a_day(sdk):
    resend.Emails.send(MAIL, options={"idempotency_key": "k"})
    sdk.advance(24 * 3600 + 1)
    resend.Emails.send(MAIL, options={"idempotency_key": "k"})

    assert len(sdk.mails()) == 2


def test_a_key_still_being_worked_on_says_so(sdk):
    sdk.fault("pause_answer")
    first = threading.Thread(target=post, args=(sdk, "/emails", MAIL), kwargs={"Idempotency-Key": "k"})
    first.start()
    while not sdk.paused():
        pass

    answer = post(sdk, "/emails", MAIL, **{"Idempotency-Key": "k"})
    sdk.release()
    first.join()

    assert (answer.status_code, answer.json()["name"]) == (409, "concurrent_idempotent_requests")
    assert len(sdk.mails()) == 1


def test_strict_validation_refuses_all_and_permissive_only_the_bad_one(sdk):
    mails = [MAIL, {**MAIL, "to": ["broken"]}, MAIL]

    strict = post(sdk, "/emails/batch", mails)
    held_after_strict = len(sdk.mails())
    permissive = post(sdk, "/emails/batch", mails, **{"x-batch-validation": "permissive"})

    assert (strict.status_code, held_after_strict) == (422, 0)
    assert [error["index"] for error in permissive.json()["errors"]] == [1]
    assert len(permissive.json()["data"]) == 2


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"to": []}, "missing_required_field"),
        ({"from": "nobody"}, "invalid_from_address"),
        ({"to": ["ada@example.com"]}, "validation_error"),
        ({"html": ""}, "validation_error"),
        ({"tags": [{"name": "a", "value": "not this"}]}, "validation_error"),
        ({"to": ["a@b.dev"] * 51}, "validation_error"),
    ],
)
def test_bad_mails_are_named(sdk, change, name):
    answer = post(sdk, "/emails", {**MAIL, **change})

    assert (answer.status_code, answer.json()["name"]) == (422, name)


def test_more_than_a_hundred_mails_and_broken_json_are_refused(sdk):
    assert post(sdk, "/emails/batch", [MAIL] * 101).status_code == 422
    broken = httpx.post(f"{sdk.url}/emails", content=b"{", headers={"Authorization": "Bearer re_test"})
    assert broken.status_code == 400


@pytest.mark.parametrize(
    ("header", "name"), [({}, "missing_api_key"), ({"Authorization": "Bearer nope"}, "invalid_api_key")]
)
def test_a_missing_or_wrong_key_is_401(sdk, header, name):
    answer = httpx.post(f"{sdk.url}/emails", json=MAIL, headers=header)

    assert (answer.status_code, answer.json()["name"]) == (401, name)


def test_the_rate_limit_is_announced_and_kept():
    with running_resend("--rate", "2") as limited:
        answers = [post(limited, "/emails", MAIL) for _ in range(6)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["name"] == "rate_limit_exceeded"
    assert refused[0].headers["retry-after"] == "1"
    assert answers[0].headers["ratelimit-limit"] == "2"


def test_faults_do_what_they_say(sdk):
    sdk.fault("accept_then_cut")
    with pytest.raises(httpx.TransportError):
        post(sdk, "/emails", MAIL)
    assert len(sdk.mails()) == 1

    sdk.fault("cut_before")
    with pytest.raises(httpx.TransportError):
        post(sdk, "/emails", MAIL)
    assert len(sdk.mails()) == 1

    sdk.fault("status", status=503, name="service_unavailable", retry_after=3)
    answer = post(sdk, "/emails", MAIL)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")

    sdk.fault("wrong_count")
    assert len(post(sdk, "/emails/batch", [MAIL, MAIL]).json()["data"]) == 1
