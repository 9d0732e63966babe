"""What every channel promises (contract.py, and the table of errors of sending), each against its local provider."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import closing
from threading import Event

import orjson
import pytest

from activation.channels.contract import (
    Accepted,
    Cause,
    ContentRefused,
    HeaderBroken,
    KeyConflict,
    NotProcessed,
    OutcomeUnknown,
    Refused,
)
from activation.channels.email import ses
from activation.channels.email.postmark import Postmark
from activation.channels.email.resend import Resend
from activation.channels.email.sandbox import Sandbox
from tests.integration.channels.providers import mail, postmark, resend


def will(provider, word):
    if word not in provider.says:
        pytest.skip(f"{provider.name} has no such answer")
    provider.says[word]()


def test_the_same_mails_are_always_the_same_bytes(provider):
    mails = [mail(7)]

    bodies = {provider.channel().encode(mails) for _ in range(3)}

    assert len(bodies) == 1
    assert provider.channel().encode([mail(8)]) not in bodies


def test_a_mail_is_taken_in_one_request_and_gets_its_id(provider):
    answer = provider.send(mail(7))

    assert isinstance(answer, Accepted)
    assert len(answer.results) == 1
    assert isinstance(answer.results[0], str)
    assert provider.attempts() == 1


def test_our_tag_and_the_unsubscribe_headers_are_on_the_wire(provider):
    provider.send(mail(4_242_424_242))

    wire = provider.wire()
    assert b"4242424242" in wire
    assert b"List-Unsubscribe" in wire
    assert b"List-Unsubscribe=One-Click" in wire


def test_two_mails_get_different_ids(provider):
    first, second = provider.send(mail(1)), provider.send(mail(2))

    assert first.results != second.results


def test_a_channel_that_was_closed_sends_again(provider):
    """A worker keeps its channels; each of its deliveries closes them when it ends."""
    channel = provider.channel()

    async def send_and_close(number):
        try:
            return await channel.send(channel.encode([mail(number)]), size=1, idempotency_key=f"test/{number}")
        finally:
            await channel.close()

    assert [type(asyncio.run(send_and_close(number))) for number in (1, 2)] == [Accepted, Accepted]


@pytest.mark.parametrize("word", ["unauthorised", "forbidden", "our_sender", "redirect"])
def test_what_is_wrong_for_every_mail_halts_and_burns_nobody(provider, word):
    will(provider, word)

    answer = provider.send(mail())

    assert isinstance(answer, NotProcessed)
    assert answer.cause is Cause.CONFIGURATION
    assert provider.attempts() == 1


def test_a_rate_limit_says_how_long_to_wait(provider):
    will(provider, "rate")

    answer = provider.send(mail())

    assert answer == NotProcessed(Cause.RATE, answer.words, provider.retry_after)
    assert provider.attempts() == 1


def test_a_used_up_quota_is_told_from_a_rate_limit(provider):
    will(provider, "quota")

    answer = provider.send(mail())

    assert isinstance(answer, NotProcessed)
    assert answer.cause is Cause.QUOTA


@pytest.mark.parametrize("word", ["server_error", "html_page", "success_page", "cut_before", "cut_after", "cut_middle"])
def test_an_answer_that_is_lost_or_broken_is_unknown_after_one_request(provider, word):
    will(provider, word)

    answer = provider.send(mail())

    assert isinstance(answer, OutcomeUnknown)
    assert provider.attempts() == 1


def test_a_kept_connection_that_is_cut_costs_no_second_request(provider):
    async def twice():
        channel = provider.channel()
        try:
            first = await channel.send(channel.encode([mail(1)]), size=1, idempotency_key="1")
            will(provider, "cut_after")
            return first, await channel.send(channel.encode([mail(2)]), size=1, idempotency_key="2")
        finally:
            await channel.close()

    first, second = asyncio.run(twice())

    assert isinstance(first, Accepted)
    assert isinstance(second, OutcomeUnknown)
    assert provider.attempts() == 2


def test_a_provider_that_hangs_is_left_within_the_timeout(provider):
    will(provider, "hang")

    answer = provider.send(mail(), timeout=0.5)

    assert isinstance(answer, OutcomeUnknown)
    assert provider.attempts() == 1


def test_a_mail_that_waited_for_a_connection_to_ses_was_not_processed(monkeypatch):
    monkeypatch.setattr(ses, "CALLS_AT_ONCE", 1)
    monkeypatch.setattr(ses, "CONNECT_SECONDS", 0.0)
    hanging, begun = Event(), []
    channel = ses.Ses(region="eu-west-1", access_key_id="a", secret_access_key="b", timeout_seconds=0.3)
    monkeypatch.setattr(channel, "_send", lambda request: (begun.append(request), hanging.wait(5)))

    async def both():
        return await asyncio.gather(*(channel.send(b"{}", size=1, idempotency_key="k") for _ in range(2)))

    first, second = asyncio.run(both())
    hanging.set()

    assert isinstance(first, OutcomeUnknown)
    assert isinstance(second, NotProcessed)
    assert second.cause is Cause.UNREACHABLE
    assert len(begun) == 1


def test_a_process_that_is_to_end_does_not_wait_for_ses():
    """boto3 waits in a thread for twenty seconds; a process that is told to stop has ten."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # it takes the request, and never answers
        script = f"""
import asyncio
from activation.channels.contract import Mail
from activation.channels.email.ses import Ses

async def send():
    channel = Ses(region="eu-west-1", access_key_id="a", secret_access_key="b", endpoint_url="http://127.0.0.1:{silent.getsockname()[1]}")
    body = channel.encode([Mail(1, "a@shop.test.dev", "b@mail.test.dev", "subject", "html", "text")])
    async with asyncio.timeout(3):
        await channel.send(body, size=1, idempotency_key="k")

try:
    asyncio.run(send())
except TimeoutError:
    print("given up", flush=True)
"""
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline() == "given up\n"
                assert process.wait(timeout=5) == 0
            finally:
                process.kill()


def test_a_provider_that_cannot_be_reached_processed_nothing(provider):
    answer = provider.send(mail(), url="http://127.0.0.1:9")

    assert isinstance(answer, NotProcessed)
    assert answer.cause is Cause.UNREACHABLE
    assert provider.attempts() == 0


def test_a_bad_mail_fails_with_the_providers_words_and_no_whole_address(provider):
    answer = provider.send(mail(to=provider.bad))

    refused = answer.results[0] if isinstance(answer, Accepted) else answer
    assert isinstance(refused, Refused | ContentRefused)
    assert len(refused.words) > 10
    assert provider.bad not in refused.words
    assert provider.attempts() == 1


def test_one_bad_mail_in_a_batch_is_told_from_the_good_ones(provider):
    if provider.channel().limits.batch_size == 1:
        pytest.skip(f"{provider.name} takes single mails only")

    answer = provider.send(mail(1), mail(2, to=provider.bad), mail(3))

    if isinstance(answer, ContentRefused):  # strict: nothing was accepted
        assert provider.name == "resend"
    else:
        assert [isinstance(result, Refused) for result in answer.results] == [False, True, False]
    assert provider.attempts() == 1


@pytest.mark.parametrize("broken", ["a\r\nBcc: eve@evil.dev", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("where", ["subject", "sender", "to", "headers", "tags"])
def test_no_value_of_a_mail_can_add_a_header(provider, where, broken):
    value = {"X-A": broken} if where in ("headers", "tags") else broken

    for channel in (provider.channel(), Sandbox()):
        with pytest.raises(HeaderBroken) as error:
            channel.encode([mail(5, **{where: value})])
        assert error.value.message_id == 5
    assert provider.attempts() == 0


def test_only_a_provider_with_keys_promises_to_remember_them(provider):
    remembers = provider.channel().limits.key_seconds > 0

    assert remembers == (provider.name == "resend")


def test_the_sandbox_takes_every_mail():
    sandbox = Sandbox()
    answer = asyncio.run(sandbox.send(sandbox.encode([mail(1), mail(2)]), size=2, idempotency_key="k"))

    assert answer == Accepted(["sandbox-1", "sandbox-2"])


def test_resend_knows_a_key_with_its_bytes_and_refuses_others():
    with resend() as fresh:
        local = fresh()
        first, again = local.send(mail(1), key="k"), local.send(mail(1), key="k")
        other = local.send(mail(2), key="k")

    assert isinstance(first, Accepted)
    assert first == again
    assert isinstance(other, KeyConflict)


def test_mails_that_postmark_leaves_when_credits_end_amid_a_batch_are_not_refused():
    with postmark() as fresh:
        local = fresh()
        some = local.send(mail(1), mail(2, to="unpaid@mail.test.dev"), mail(3, to="unpaid@mail.test.dev"))
        none = local.send(mail(2, to="unpaid@mail.test.dev"), mail(3, to="unpaid@mail.test.dev"))

    assert isinstance(some.results[0], str)
    assert [one.cause for one in some.results[1:]] == [Cause.QUOTA] * 2
    assert none.cause is Cause.QUOTA


def test_postmark_is_configured_wrong_only_if_no_mail_at_all_was_taken():
    with postmark() as fresh:
        local = fresh()
        mixed = local.send(mail(1), mail(2, to="inactive@mail.test.dev"))
        none = local.send(mail(1, sender="X <x@nobody>"), mail(2, sender="X <x@nobody>"))

    assert isinstance(mixed.results[1], Refused)
    assert "inactive" in mixed.results[1].words
    assert none.cause is Cause.CONFIGURATION


def test_a_long_tag_costs_no_mail_at_postmark():
    body = Postmark(server_token="test", api_url="https://a.dev").encode([mail(tags={"campaign": "c" * 200})])

    assert orjson.loads(body)[0]["Metadata"] == {"campaign": "c" * 80}


def test_the_request_of_resend_is_one_dump_in_fixed_order():
    body = Resend(api_key="re_x", api_url="https://api.resend.com").encode([mail(1), mail(2)])

    first = orjson.loads(body)[0]
    assert list(first) == ["from", "to", "subject", "html", "text", "headers", "tags"]
    assert first["tags"] == [{"name": "message_id", "value": "1"}, {"name": "campaign", "value": "sale"}]
