"""The local Resend behaves as the real one is documented to, seen through the SDK and over plain HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from urllib.parse import urlsplit

import aiohttp
import httpx
import orjson
import pytest
import resend
from resend.exceptions import ResendError

from tests.support.resend_process import running_resend

KEY = {"Authorization": "Bearer re_test"}
MAIL = {
    "from": "Shop <news@shop.test.dev>",
    "to": ["delivered@resend.dev"],
    "subject": "Hello",
    "html": "<p>Hi</p>",
}
FORMAT = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."


@pytest.fixture(scope="module")
def server():
    with running_resend(rate=0) as local:
        yield local


@pytest.fixture
def provider(server, monkeypatch):
    """The server, empty again, with the SDK pointed at it."""
    server.reset()
    monkeypatch.setattr(resend, "api_key", "re_test")
    monkeypatch.setattr(resend, "api_url", server.url)
    return server


@cache
def client():
    return httpx.Client(trust_env=False)


def post(provider, path, body, timeout=10.0, **headers):
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {**KEY, **headers}
    return client().post(f"{provider.url}{path}", content=content, headers=headers, timeout=timeout)


def keyed(key):
    return {"Idempotency-Key": key}


def to(*addresses):
    return {**MAIL, "to": list(addresses)}


def error(answer):
    return answer.status_code, answer.json()["name"], answer.json()["message"]


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- sending


def test_the_sdk_sends_one_mail_and_finds_it_again(provider):
    sent = resend.Emails.send({**MAIL, "tags": [{"name": "run", "value": "7"}]})
    found = resend.Emails.get(sent["id"])

    assert (found["subject"], found["to"]) == ("Hello", ["delivered@resend.dev"])
    assert found["last_event"] == "delivered"
    assert (found["text"], found["cc"], found["reply_to"]) == (None, [], [])
    assert provider.recipients() == {"delivered@resend.dev": 1}


def test_the_answer_to_one_mail_is_its_id_and_nothing_else(provider):
    answer = post(provider, "/emails", MAIL)

    assert (answer.status_code, set(answer.json())) == (200, {"id"})
    assert uuid.UUID(answer.json()["id"]).version == 4


def test_the_sdk_sends_a_hundred_mails_and_the_ids_come_in_the_order_of_the_request(provider):
    mails = [to(f"delivered+{number}@resend.dev") for number in range(100)]

    sent = resend.Batch.send(mails, options={"idempotency_key": "run-1"})

    held = provider.mails()
    assert [mail["id"] for mail in sent["data"]] == [mail["id"] for mail in held]
    assert [mail["to"] for mail in held] == [mail["to"] for mail in mails]
    assert "errors" not in sent


def test_a_held_mail_shows_all_that_was_sent_and_its_key(provider):
    mail = {
        **MAIL,
        "text": "Hi",
        "headers": {"List-Unsubscribe": "<https://shop.test.dev/u/1>"},
        "tags": [{"name": "message_id", "value": "a-1_B"}],
    }

    resend.Batch.send([mail], options={"idempotency_key": "run-1"})

    held = provider.mails()[0]
    assert {name: held[name] for name in mail} == mail
    assert held["idempotency_key"] == "run-1"


def test_a_request_is_logged_with_path_key_mode_hash_and_status(provider):
    raw = orjson.dumps([MAIL])

    post(provider, "/emails/batch", raw, **keyed("k"), **{"x-batch-validation": "permissive"})

    logged = provider.requests()[0]
    assert (logged["path"], logged["idempotency_key"]) == ("/emails/batch", "k")
    assert logged["validation"] == "permissive"
    assert (logged["sha256"], logged["status"]) == (hashlib.sha256(raw).hexdigest(), 200)
    assert abs(logged["at"] - time.time()) < 5


def test_a_mail_that_is_not_known_is_404_and_an_id_that_is_none_is_422(provider):
    unknown = client().get(f"{provider.url}/emails/{uuid.uuid4()}", headers=KEY)
    malformed = client().get(f"{provider.url}/emails/17", headers=KEY)

    assert error(unknown)[:2] == (404, "not_found")
    assert error(malformed)[:2] == (422, "invalid_parameter")


def test_unknown_paths_and_methods_answer_in_the_error_shape(provider):
    unknown = post(provider, "/mails", MAIL)
    method = client().put(f"{provider.url}/emails/batch", json=[], headers=KEY)

    assert unknown.json() == {
        "statusCode": 404,
        "name": "not_found",
        "message": "The requested endpoint does not exist.",
    }
    assert error(method)[:2] == (405, "method_not_allowed")


# --- validation


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"to": None}, "missing_required_field", "Missing `to` field."),
        ({"to": []}, "missing_required_field", "Missing `to` field."),
        ({"from": ""}, "missing_required_field", "Missing `from` field."),
        ({"subject": ""}, "missing_required_field", "Missing `subject` field."),
        ({"html": "", "subject": ""}, "validation_error", "Missing `html` or `text` field."),
        ({"from": "Shop"}, "validation_error", f"Invalid `from` field. {FORMAT}"),
        ({"to": ["broken"]}, "validation_error", f"Invalid `to` field. {FORMAT}"),
        ({"to": ["ada@lab.dev>"]}, "validation_error", f"Invalid `to` field. {FORMAT}"),
        ({"to": "ada@lab.dev, bob@lab.dev"}, "validation_error", f"Invalid `to` field. {FORMAT}"),
        ({"reply_to": "nobody"}, "validation_error", f"Invalid `reply_to` field. {FORMAT}"),
        ({"to": ["a@lab.dev"] * 51}, "validation_error", None),
        ({"tags": [{"name": "a", "value": "not this"}]}, "validation_error", None),
        ({"tags": [{"name": "né", "value": "a"}]}, "validation_error", None),
        ({"tags": [{"name": "a", "value": "a" * 257}]}, "validation_error", None),
        ({"tags": [{"name": "a"}]}, "validation_error", None),
        ({"headers": {"X-Run": 7}}, "validation_error", None),
        ({"attachments": [{"filename": "a.pdf"}]}, "invalid_attachment", None),
        ({"template": {"id": "welcome"}}, "validation_error", None),
    ],
)
def test_a_bad_mail_is_422_with_the_name_of_what_is_wrong(provider, change, name, message):
    answer = post(provider, "/emails", {**MAIL, **change})

    assert error(answer) == (422, name, message or answer.json()["message"])
    assert answer.json()["statusCode"] == 422
    assert provider.mails() == []


@pytest.mark.parametrize("address", ["ada@example.com", "Ada <ada@TEST.com>"])
def test_addresses_of_example_domains_are_refused(provider, address):
    answer = post(provider, "/emails", to(address))

    words = "Invalid `to` field. Please use our testing email address instead of domains like `example.com`."
    assert error(answer) == (422, "validation_error", words)


@pytest.mark.parametrize(
    "change",
    [
        {"to": "ada@lab.dev"},
        {"to": ["Ada Lovelace <ada@lab.dev>"] * 50},
        {"html": None, "text": "Hi"},
        {"html": None, "template": {"id": "welcome"}},
        {"attachments": [{"filename": "a.pdf", "content": "YQ=="}]},
    ],
)
def test_what_the_reference_allows_is_taken(provider, change):
    assert post(provider, "/emails", {**MAIL, **change}).status_code == 200


def test_the_sdk_raises_the_missing_field_as_its_own_error(provider):
    with pytest.raises(resend.exceptions.MissingRequiredFieldsError, match="Missing `subject` field"):
        resend.Emails.send({**MAIL, "subject": ""})


@pytest.mark.parametrize("body", [b"{", b"", b"\xff"])
def test_a_body_that_is_not_json_is_400(provider, body):
    assert error(post(provider, "/emails", body))[:2] == (400, "validation_error")


@pytest.mark.parametrize("body", [[], [MAIL] * 101, MAIL, "text"])
def test_a_batch_is_an_array_of_one_to_a_hundred_mails(provider, body):
    assert error(post(provider, "/emails/batch", body))[:2] == (422, "validation_error")


@pytest.mark.parametrize("bad", [to("broken"), 7, {**MAIL, "attachments": [{"content": "YQ=="}]}])
def test_strict_validation_refuses_all_for_one_bad_mail(provider, bad):
    answer = post(provider, "/emails/batch", [MAIL, bad, MAIL])

    assert (answer.status_code, set(answer.json())) == (422, {"statusCode", "name", "message"})
    assert provider.mails() == []


def test_permissive_validation_takes_the_good_and_names_the_bad_by_index(provider):
    mails = [to("a@lab.dev"), to("broken"), to("b@lab.dev"), {**MAIL, "subject": ""}]

    sent = resend.Batch.send(mails, options={"batch_validation": "permissive"})

    assert sent["errors"] == [
        {"index": 1, "message": f"Invalid `to` field. {FORMAT}"},
        {"index": 3, "message": "Missing `subject` field."},
    ]
    assert [mail["id"] for mail in sent["data"]] == [mail["id"] for mail in provider.mails()]
    assert provider.recipients() == {"a@lab.dev": 1, "b@lab.dev": 1}


# --- who may


def test_a_missing_key_is_401_and_a_wrong_one_403(provider):
    missing = client().post(f"{provider.url}/emails", json=MAIL)
    wrong = post(provider, "/emails", MAIL, Authorization="Bearer nope")

    assert error(missing) == (401, "missing_api_key", "Missing API key in the authorization header.")
    assert error(wrong) == (403, "invalid_api_key", "API key is invalid")
    assert provider.mails() == []


def test_only_the_keys_that_were_named_are_right_and_a_wrong_one_can_be_401_as_the_live_api_says(monkeypatch):
    with running_resend(api_key=["re_a", "re_b"], wrong_key_status=401) as strict:
        answers = [post(strict, "/emails", MAIL, Authorization=f"Bearer re_{name}") for name in "abc"]

    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert error(answers[2]) == (401, "validation_error", "API key is invalid")


def test_a_request_without_user_agent_is_turned_away_at_the_edge(provider):
    connection = http.client.HTTPConnection(urlsplit(provider.url).netloc)
    connection.request("POST", "/emails", json.dumps(MAIL), headers=KEY)
    answer = connection.getresponse()

    assert (answer.status, answer.read()) == (403, b"error code: 1010")
    connection.close()


# --- idempotency keys


def test_the_same_key_and_body_get_the_same_answer_without_sending_again(provider):
    mails = [to("a@lab.dev"), to("b@lab.dev")]

    first, second = (resend.Batch.send(mails, options={"idempotency_key": "k"}) for _ in range(2))

    assert first["data"] == second["data"]
    assert provider.counts() == {"mails": 2, "requests": 2, "paused": 0}


def test_the_same_payload_in_another_order_of_fields_is_the_same_request(provider):
    turned = dict(reversed(MAIL.items()))

    answers = [post(provider, "/emails", mail, **keyed("k")).json() for mail in (MAIL, turned)]

    assert answers[0] == answers[1]


def test_with_exact_bytes_another_order_of_fields_is_another_request():
    with running_resend(exact_bytes=True) as exact:
        post(exact, "/emails", MAIL, **keyed("k"))
        answer = post(exact, "/emails", dict(reversed(MAIL.items())), **keyed("k"))

    assert error(answer)[:2] == (409, "invalid_idempotent_request")


def test_another_payload_under_the_same_key_is_409(provider):
    resend.Emails.send(MAIL, options={"idempotency_key": "k"})

    with pytest.raises(ResendError) as refused:
        resend.Emails.send({**MAIL, "subject": "Other"}, options={"idempotency_key": "k"})

    assert (refused.value.code, refused.value.error_type) == (409, "invalid_idempotent_request")
    assert len(provider.mails()) == 1


@pytest.mark.parametrize(("key", "status"), [("", 400), ("k", 200), ("k" * 256, 200), ("k" * 257, 400)])
def test_a_key_has_one_to_256_characters(provider, key, status):
    answer = post(provider, "/emails", MAIL, **keyed(key))

    assert answer.status_code == status
    assert status == 200 or answer.json()["name"] == "invalid_idempotency_key"


def test_a_key_is_forgotten_after_24_hours_and_not_before(provider):
    for seconds in (0, 24 * 3600 - 60, 60):
        provider.advance(seconds)
        post(provider, "/emails", MAIL, **keyed("k"))

    assert len(provider.mails()) == 2


def test_a_key_belongs_to_an_api_key_and_an_endpoint(provider):
    post(provider, "/emails", MAIL, **keyed("k"))
    post(provider, "/emails", MAIL, **keyed("k"), Authorization="Bearer re_other")
    post(provider, "/emails/batch", [MAIL], **keyed("k"))

    assert len(provider.mails()) == 3


def test_without_a_key_the_same_mail_is_sent_twice(provider):
    resend.Emails.send(MAIL)
    resend.Emails.send(MAIL)

    assert len(provider.mails()) == 2


def test_a_refused_request_leaves_its_key_free(provider):
    refused = post(provider, "/emails/batch", [MAIL, to("broken")], **keyed("k"))
    mended = post(provider, "/emails/batch", [MAIL], **keyed("k"))

    assert (refused.status_code, mended.status_code) == (422, 200)


def test_a_key_whose_first_request_is_in_progress_is_409_until_it_has_its_answer(provider):
    provider.fault("pause_answer")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(post, provider, "/emails", MAIL, **keyed("k"))
        wait_until(provider.paused)
        meanwhile = post(provider, "/emails", MAIL, **keyed("k"))
        provider.release()

        assert error(meanwhile)[:2] == (409, "concurrent_idempotent_requests")
        assert first.result().json() == post(provider, "/emails", MAIL, **keyed("k")).json()
    assert len(provider.mails()) == 1


def test_of_twenty_requests_at_once_under_one_key_one_sends_and_the_others_wait(provider):
    provider.fault("slow", seconds=0.3)

    async def all_at_once():
        async with aiohttp.ClientSession(base_url=provider.url, headers={**KEY, **keyed("k")}) as session:
            return await asyncio.gather(*(attempt(session) for _ in range(20)))

    async def attempt(session):
        async with session.post("/emails", json=MAIL) as answer:
            return answer.status, (await answer.json()).get("name")

    answers = asyncio.run(all_at_once())

    assert sorted(answers) == [(200, None)] + [(409, "concurrent_idempotent_requests")] * 19
    assert len(provider.mails()) == 1


# --- limits


def test_the_rate_limit_is_announced_kept_for_all_keys_of_the_team_and_over_after_a_second():
    with running_resend(rate=2) as limited:
        answers = [post(limited, "/emails", MAIL, Authorization=f"Bearer re_{number}") for number in range(3)]
        limited.advance(1)
        later = post(limited, "/emails", MAIL)

    assert [answer.status_code for answer in [*answers, later]] == [200, 200, 429, 200]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert (answers[0].headers["ratelimit-limit"], answers[0].headers["ratelimit-reset"]) == ("2", "1")
    assert "retry-after" not in answers[0].headers
    assert (answers[2].json()["name"], answers[2].headers["retry-after"]) == ("rate_limit_exceeded", "1")


def test_a_batch_counts_as_one_request_and_a_refused_mail_too():
    with running_resend(rate=2) as limited:
        answers = [post(limited, "/emails/batch", [MAIL] * 100), post(limited, "/emails", to("broken"))]
        answers.append(post(limited, "/emails", MAIL))

    assert [answer.status_code for answer in answers] == [200, 422, 429]
    assert answers[1].headers["ratelimit-remaining"] == "0"


def test_the_sdk_raises_the_rate_limit_with_the_seconds_to_wait(provider):
    provider.fault("rate_limited", retry_after=3)

    with pytest.raises(resend.exceptions.RateLimitError) as refused:
        resend.Emails.send(MAIL)

    assert refused.value.error_type == "rate_limit_exceeded"
    assert refused.value.headers["retry-after"] == "3"
    assert provider.mails() == []


@pytest.mark.parametrize("name", ["daily_quota_exceeded", "monthly_quota_exceeded"])
def test_a_quota_is_exceeded_on_demand(provider, name):
    provider.fault("quota", name=name)

    assert error(post(provider, "/emails", MAIL))[:2] == (429, name)
    assert post(provider, "/emails", MAIL).status_code == 200


def test_the_used_quota_counts_recipients(provider):
    answer = post(provider, "/emails", {**to("a@lab.dev", "b@lab.dev"), "cc": "c@lab.dev"})

    assert answer.headers["x-resend-monthly-quota"] == "3"


# --- faults


def test_accepted_then_cut_the_mail_is_held_and_the_retry_gets_its_id(provider):
    provider.fault("accept_then_cut")

    with pytest.raises(httpx.TransportError):
        post(provider, "/emails", MAIL, **keyed("k"))
    retried = post(provider, "/emails", MAIL, **keyed("k"))

    assert [mail["id"] for mail in provider.mails()] == [retried.json()["id"]]
    assert [request["status"] for request in provider.requests()] == [None, 200]


def test_the_sdk_turns_a_cut_connection_into_its_own_500(provider):
    provider.fault("accept_then_cut")

    with pytest.raises(ResendError) as lost:
        resend.Emails.send(MAIL, options={"idempotency_key": "k"})

    assert (lost.value.code, lost.value.error_type) == (500, "HttpClientError")


def test_aiohttp_sees_no_byte_of_an_answer_that_was_cut(provider):
    provider.fault("accept_then_cut")

    async def attempt():
        url = f"{provider.url}/emails"
        async with aiohttp.ClientSession(headers=KEY) as session, session.post(url, json=MAIL):
            pass

    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        asyncio.run(attempt())
    assert provider.counts()["requests"] == 1


def test_cut_before_nothing_is_held(provider):
    provider.fault("cut_before")

    with pytest.raises(httpx.TransportError):
        post(provider, "/emails", MAIL)

    assert provider.mails() == []


def test_a_status_comes_instead_of_processing_with_any_name_words_and_wait(provider):
    provider.fault("status", status=503, name="service_unavailable", message="Soon", retry_after=3)

    answer = post(provider, "/emails", MAIL)

    assert answer.json() == {"statusCode": 503, "name": "service_unavailable", "message": "Soon"}
    assert answer.headers["retry-after"] == "3"
    assert provider.mails() == []


def test_a_status_can_also_come_after_processing(provider):
    provider.fault("status", status=500, processed=True)

    assert error(post(provider, "/emails", MAIL))[:2] == (500, "application_error")
    assert len(provider.mails()) == 1


def test_a_status_can_come_as_a_page(provider):
    provider.fault("status", status=403, html="<h1>Forbidden</h1>")

    answer = post(provider, "/emails", MAIL)

    assert (answer.status_code, answer.text) == (403, "<h1>Forbidden</h1>")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_gateway_page_hides_an_accepted_mail(provider):
    provider.fault("html_page")

    with pytest.raises(ResendError) as lost:
        resend.Emails.send(MAIL)

    assert (lost.value.code, lost.value.error_type) == (502, "application_error")
    assert len(provider.mails()) == 1


@pytest.mark.parametrize("kind", ["truncate", "empty_body"])
def test_an_accepted_answer_comes_as_200_that_is_no_json(provider, kind):
    provider.fault(kind)

    answer = post(provider, "/emails/batch", [MAIL, MAIL])

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(provider.mails()) == 2


def test_an_accepted_answer_can_be_cut_in_the_middle_of_the_bytes(provider):
    provider.fault("cut_mid_answer")

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        post(provider, "/emails/batch", [MAIL, MAIL])

    assert len(provider.mails()) == 2


def test_an_answer_can_name_one_id_less_than_there_are_mails(provider):
    provider.fault("wrong_count")

    answer = post(provider, "/emails/batch", [MAIL] * 3)

    assert len(answer.json()["data"]) == 2
    assert len(provider.mails()) == 3


def test_accepted_then_hanging_a_retry_under_the_key_is_answered_at_once(provider):
    provider.fault("accept_then_hang", seconds=30)

    with pytest.raises(httpx.ReadTimeout):
        post(provider, "/emails", MAIL, timeout=0.1, **keyed("k"))
    retried = post(provider, "/emails", MAIL, **keyed("k"))

    assert [mail["id"] for mail in provider.mails()] == [retried.json()["id"]]


def test_a_slow_drip_is_whole_in_the_end_and_too_slow_for_who_will_not_wait(provider):
    provider.fault("slow_drip", seconds=0.3, times=2)
    began = time.monotonic()
    answer = post(provider, "/emails/batch", [MAIL])
    took = time.monotonic() - began

    async def impatient():
        patience = aiohttp.ClientTimeout(total=0.1)
        async with (
            aiohttp.ClientSession(headers=KEY, timeout=patience) as session,
            session.post(f"{provider.url}/emails/batch", json=[MAIL]) as dripping,
        ):
            await dripping.read()

    assert took >= 0.3
    assert len(answer.json()["data"]) == 1
    with pytest.raises(TimeoutError):
        asyncio.run(impatient())


def test_a_sender_may_die_while_its_answer_is_held_and_the_next_one_gets_it(provider):
    provider.fault("pause_answer")
    with pytest.raises(httpx.ReadTimeout):
        post(provider, "/emails", MAIL, timeout=0.2, **keyed("k"))
    in_between = post(provider, "/emails", MAIL, **keyed("k"))
    provider.release()
    wait_until(lambda: not provider.paused())

    taken_over = post(provider, "/emails", MAIL, **keyed("k"))

    assert in_between.json()["name"] == "concurrent_idempotent_requests"
    assert [mail["id"] for mail in provider.mails()] == [taken_over.json()["id"]]


def test_a_fault_hits_only_what_it_matches(provider):
    provider.fault("status", status=500, times=None, match={"path": "/emails/batch"})
    provider.fault("status", status=501, times=None, match={"recipient": "*@slow.dev"})
    provider.fault("status", status=502, times=None, match={"key": "run-1/*"})

    answers = [
        post(provider, "/emails/batch", [MAIL]),
        post(provider, "/emails", {**MAIL, "cc": "Ada <ada@slow.dev>"}),
        post(provider, "/emails", MAIL, **keyed("run-1/7")),
        post(provider, "/emails", MAIL, **keyed("run-2/7")),
        post(provider, "/emails", MAIL),
    ]

    assert [answer.status_code for answer in answers] == [500, 501, 502, 200, 200]


def test_a_fault_happens_as_often_as_it_was_asked_for_and_once_by_default(provider):
    provider.fault("status", status=500)
    provider.fault("status", status=501, times=2)

    assert [post(provider, "/emails", MAIL).status_code for _ in range(4)] == [500, 501, 501, 200]


def test_chance_is_the_same_for_the_same_seed_and_another_for_another():
    def luck(seed):
        with running_resend(rate=0, seed=seed) as local:
            local.fault("status", status=500, probability=0.5)
            return [post(local, "/emails", MAIL).status_code for _ in range(20)]

    once, again, other = luck(1), luck(1), luck(2)

    assert once == again
    assert once != other
    assert set(once) == {200, 500}


def test_faults_can_be_in_force_from_the_start(tmp_path):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"kind": "status", "status": 500}, {"kind": "quota"}]))

    with running_resend(faults=file) as local:
        answers = [post(local, "/emails", MAIL).status_code for _ in range(3)]

    assert answers == [500, 429, 200]


@pytest.mark.parametrize(
    "how", [{"kind": "typo"}, {"kind": "status", "sttaus": 500}, {"kind": "slow", "match": {"to": "*"}}]
)
def test_a_fault_that_is_none_is_an_error_of_the_test(provider, how):
    with pytest.raises(ValueError, match="typo|sttaus|to"):
        provider.fault(**how)


def test_faults_that_were_cleared_are_over(provider):
    provider.fault("status", status=500, times=None)
    provider.clear_faults()

    assert post(provider, "/emails", MAIL).status_code == 200


def test_reset_forgets_mails_requests_keys_faults_and_the_clock(provider):
    provider.advance(3600)
    first = post(provider, "/emails", MAIL, **keyed("k"))
    provider.fault("status", status=500, times=None)

    provider.reset()
    again = post(provider, "/emails", MAIL, **keyed("k"))

    assert again.json()["id"] != first.json()["id"]
    assert provider.counts() == {"mails": 1, "requests": 1, "paused": 0}
    assert abs(provider.requests()[0]["at"] - time.time()) < 5


# --- load


def test_without_bodies_a_mail_is_kept_as_recipient_and_hash():
    with running_resend(rate=0, no_store_bodies=True) as lean:
        post(lean, "/emails/batch", [MAIL], **keyed("k"))
        held = lean.mails()[0]

    assert set(held) == {"id", "to", "sha256", "idempotency_key", "at"}
    assert (held["to"], held["sha256"]) == (MAIL["to"], hashlib.sha256(orjson.dumps(MAIL)).hexdigest())


def test_full_batches_sent_at_once_are_all_taken(provider):
    bodies = [[to(f"c{batch}-{number}@lab.dev") for number in range(100)] for batch in range(50)]

    async def all_at_once():
        async with aiohttp.ClientSession(base_url=provider.url, headers=KEY) as session:
            return await asyncio.gather(*(attempt(session, batch, body) for batch, body in enumerate(bodies)))

    async def attempt(session, batch, body):
        headers = keyed(f"run/{batch}")
        async with session.post("/emails/batch", data=orjson.dumps(body), headers=headers) as answer:
            return len((await answer.json())["data"])

    assert asyncio.run(all_at_once()) == [100] * 50
    assert set(provider.recipients().values()) == {1}
    assert provider.counts()["mails"] == 5000
