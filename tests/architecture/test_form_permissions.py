"""What is asked of a sender before a body is read is what the form's route needs."""

from __future__ import annotations

from flask import Flask

from auditsaas.frame.admission import OPEN_FORMS, PERMISSIONS, UPLOADS
from tests.architecture.needs import OPEN, WORKSPACE

SAFE = {"GET", "HEAD", "OPTIONS"}


def forms(app: Flask) -> dict[str, str]:
    """Every endpoint that changes something below a workspace, and its blueprint."""
    return {
        rule.endpoint: rule.endpoint.partition(".")[0]
        for rule in app.url_map.iter_rules()
        if set(rule.methods or ()) - SAFE and rule.rule.startswith("/w/<slug>")
    }


def test_each_form_of_a_workspace_needs_before_its_body_what_its_route_needs(app: Flask) -> None:
    found = forms(app)
    assert len(found) > 25
    asked = {endpoint: PERMISSIONS[blueprint] for endpoint, blueprint in found.items()}
    assert asked == {endpoint: WORKSPACE[endpoint].permission for endpoint in found}


def test_uploads_are_forms_and_open_forms_are_open(app: Flask) -> None:
    assert UPLOADS.keys() <= forms(app).keys()
    assert OPEN_FORMS <= OPEN
