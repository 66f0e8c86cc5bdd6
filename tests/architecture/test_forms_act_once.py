"""Every form carries a token of its own, and every view of one that makes something acts once."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from auditsaas.frame.setup import TEMPLATES

FORM = re.compile(r"<form\b(?P<form>.*?)</form>", re.DOTALL)
TOKEN = re.compile(r"\b(token|account|start)\(\)")
"""The macro, or one that begins with it."""
SETS = {
    "account",
    "accounts",
    "security",
    "password_reset",
    "passkeys",
    "invitations",
    "confirmation",
    "welcome",
}
SETS |= {"notifications", "api", "otlp", "witness"}
"""What these set is the same when it is set twice, or is asked for by who is signed out."""
BY_ITSELF = {
    "api_keys.create",
    "erasures.look",
    "exports.ask",
    "import_mappings.preview",
    "members.invite",
    "members.resend",
    "onboarding.make_key",
    "filter_field.refresh",
    "platform_members.add",
    "saved_views.arrange",
    "saved_views.hide",
    "schedules.preview",
}
"""They ask themselves what the form made before, or make nothing."""


def test_form_carries_a_token() -> None:
    forms = {
        f"{path.relative_to(TEMPLATES)}: {found['form'][:60]}": found["form"]
        for path in TEMPLATES.rglob("*.html")
        for found in FORM.finditer(path.read_text())
        if 'method="post"' in found["form"]
    }
    assert len(forms) > 20
    lacking = [name for name, form in forms.items() if not TOKEN.search(form)]
    assert lacking == []
    assert 'name="once"' in (TEMPLATES / "components/form.html").read_text()


@pytest.mark.usefixtures("engine")
def test_view_of_a_form_acts_once(app: Flask) -> None:
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    acting = {name for name in posts if name.partition(".")[0] not in SETS} - BY_ITSELF
    assert len(acting) > 20
    lacking = [name for name in acting if not hasattr(app.view_functions[name], "__wrapped__")]
    assert lacking == []
