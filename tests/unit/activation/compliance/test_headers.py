"""Marketing mail can be left with one click; no header ever breaks into two."""

from email import message_from_string
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.compliance.headers import header_value, headers_for
from activation.errors import Refused

LINK = "https://go.shop.example/u/AbC_-=="


def test_marketing_mail_carries_both_ways_out_and_one_click():
    headers = headers_for(
        "marketing", unsubscribe_url=LINK, unsubscribe_mailto="leave@shop.example", feedback_id=["12", "sale", "shop"]
    )

    assert headers == {
        "List-Unsubscribe": f"<{LINK}>, <mailto:leave@shop.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "12:sale:shop",
    }


def test_without_an_address_for_it_only_the_link_is_named():
    headers = headers_for("marketing", unsubscribe_url=LINK, feedback_id=["shop"])

    assert headers["List-Unsubscribe"] == f"<{LINK}>"


def test_transactional_mail_carries_no_way_to_leave():
    assert headers_for("transactional", unsubscribe_url=LINK, feedback_id=["1", "receipt", "shop"]) == {
        "Feedback-ID": "1:receipt:shop"
    }


@pytest.mark.parametrize("text", ["a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "\ta"])
def test_what_would_begin_another_header_is_refused(text):
    with pytest.raises(Refused):
        header_value(text)
    with pytest.raises(Refused):
        headers_for("marketing", unsubscribe_url=LINK, feedback_id=[text])
    with pytest.raises(Refused):
        headers_for("marketing", unsubscribe_url=f"{LINK}{text}", feedback_id=["shop"])
    with pytest.raises(Refused):
        headers_for("marketing", unsubscribe_url=LINK, unsubscribe_mailto=text, feedback_id=["shop"])


@pytest.mark.parametrize("wrong", [LINK + ">, <https://evil.example", LINK + " x", LINK + ",x"])
def test_an_address_cannot_end_its_brackets_early(wrong):
    with pytest.raises(Refused, match="brackets"):
        headers_for("marketing", unsubscribe_url=wrong, feedback_id=["shop"])


@pytest.mark.parametrize("parts", [[], [""], ["1", "2", "3", "4", "5"], ["1", "::"]])
def test_a_feedback_id_names_its_sender_in_at_most_four_parts(parts):
    with pytest.raises(Refused, match="Feedback-ID"):
        headers_for("marketing", unsubscribe_url=LINK, feedback_id=parts)


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_whatever_is_given_either_is_refused_or_stays_one_header_each(parts, mailto):
    try:
        headers = headers_for("marketing", unsubscribe_url=LINK, unsubscribe_mailto=mailto, feedback_id=parts)
    except Refused:
        return
    written = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\nbody"
    assert list(message_from_string(written, policy=SMTP).keys()) == list(headers)
