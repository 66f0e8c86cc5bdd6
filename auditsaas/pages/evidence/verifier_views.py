"""Hands out the verifier to all: one file, which needs nothing of this installation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from auditsaas.evidence import verifier as shipped

verifier = Blueprint("verifier", __name__)

NAME: Final = "auditlog_verify.py"


@dataclass(frozen=True)
class Program:
    """The verifier as it is handed out."""

    text: bytes
    sha256: str
    lines: int


@cache
def program() -> Program:
    """Read the verifier that this version ships."""
    text = (Path(str(shipped.__file__)).parent / NAME).read_bytes()
    return Program(text, hashlib.sha256(text).hexdigest(), len(text.splitlines()))


@verifier.get(f"/{NAME}")
def download() -> AnyResponse:
    found = program()
    response = Response(found.text, content_type="text/x-python; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{NAME}"'
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.set_etag(found.sha256)
    return response.make_conditional(request)
