"""Templates: what they may do, what is refused, and that the ready-made ones are fit to be sent."""

from __future__ import annotations

import pytest

from activation.templates.compile_mjml import TemplateInvalid, compile_mjml
from activation.templates.library import library
from activation.templates.links import links_in
from activation.templates.lint import lint
from activation.templates.render import CompiledMail, RenderError, Version
from activation.templates.tokens import KNOWN_TOKENS

OWN = {"open_url": "https://e.dev/o/1", "click_url": "https://e.dev/c/1"}


def mail(subject="Hi", html="<p>x</p>", text="x"):
    return CompiledMail(Version(1, "k", subject, "", html, text))


def test_tokens_are_filled_and_escaped_in_html_only():
    rendered = mail("{{ first_name }}", "<b>{{ first_name }}</b>", "{{ first_name }}").render(
        {**OWN, "first_name": "Tom & <Jerry>"}
    )

    assert rendered.subject == "Tom & <Jerry>"
    assert rendered.html.startswith("<b>Tom &amp; &lt;Jerry&gt;</b>")
    assert rendered.text == "Tom & <Jerry>"


@pytest.mark.parametrize("name", ["a\nBcc: x@y.dev", "a\r\nb", "\x00"])
def test_a_value_cannot_break_the_subjects_line(name):
    with pytest.raises(RenderError, match="breaks the line"):
        mail("Hello {{ first_name }}").render({"first_name": name})


def test_the_same_values_always_make_the_same_mail():
    template = mail("Hi {{ first_name }}", "<p>{{ orders_count }}</p>")

    assert template.render({**OWN, "first_name": "A", "orders_count": 3}) == template.render(
        {"orders_count": 3, "first_name": "A", **OWN}
    )


def test_tokens_survive_mjml_also_in_attributes():
    html = compile_mjml(
        '<mjml><mj-body><mj-section><mj-column><mj-button href="{{ unsubscribe_url }}">{% if a < 2 %}x{% endif %}</mj-button></mj-column></mj-section></mj-body></mjml>'
    )

    assert 'href="{{ unsubscribe_url }}"' in html
    assert "{% if a < 2 %}x{% endif %}" in html


def test_mjml_that_is_broken_is_refused_in_words():
    with pytest.raises(TemplateInvalid, match="MJML says"):
        compile_mjml("<mjml><mj-body>", name="broken")


@pytest.mark.parametrize("template", library(), ids=lambda template: template.key)
def test_a_ready_made_template_has_no_problem_and_suits_a_contact_of_whom_nothing_is_known(template):
    html = compile_mjml(template.body_mjml)
    version = Version(1, template.key, template.subject, template.preheader, html, template.body_text, links_in(html))
    nothing_known = {name: None if not token.always_present else "x" for name, token in KNOWN_TOKENS.items()}

    problems = lint(
        subject=template.subject, preheader=template.preheader, html=html, text=template.body_text, message_class=template.message_class
    )  # fmt: skip
    known, unknown = (
        CompiledMail(version).render({**OWN, **template.sample}),
        CompiledMail(version).render({**OWN, **nothing_known}),
    )

    assert problems == []
    assert "None" not in unknown.subject + unknown.html + unknown.text
    assert f"{template.sample['click_url']}-1" in known.html
    for url in ("unsubscribe_url", "preferences_url"):
        assert (template.sample[url] in known.html) == (template.message_class == "marketing")
