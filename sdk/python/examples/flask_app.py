"""Flask: each request is an event; a view says what only it knows.

flask --app flask_app run
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from flask import Flask, Response, abort, request

from auditsaas_client import Actor, AuditLog, Target, annotate
from auditsaas_client.wsgi import AuditMiddleware

log = AuditLog(
    os.environ["AUDITSAAS_URL"],
    os.environ["AUDITSAAS_KEY"],
    spill=os.environ.get("AUDITSAAS_SPILL"),
)
app = Flask(__name__)
app.wsgi_app = AuditMiddleware(  # type: ignore[method-assign]  # the way that Flask documents
    app.wsgi_app,
    log,
    exclude=["/healthz", "/static/*"],
    trusted_proxies=int(os.environ.get("TRUSTED_PROXIES", "0")),
)


@app.before_request
def say_who() -> None:
    # Here stands your own sign-in, for instance flask_login.current_user.
    user = request.headers.get("X-Demo-User")
    if user:
        annotate(request.environ, actor=Actor(id=user, email=f"{user}@example.com"))


@app.get("/healthz")
def healthz() -> str:
    return "ok"


@app.get("/invoices/<int:number>")
def invoice(number: int) -> dict[str, int]:
    if number > 1000:
        abort(404)
    return {"number": number}


@app.post("/invoices/<int:number>")
def update_invoice(number: int) -> dict[str, int]:
    annotate(
        request.environ,
        activity="invoice.update",
        targets=[Target("invoice", str(number))],
        changes={"total": [100, 120]},
    )
    return {"number": number}


@app.get("/report")
def report() -> Response:
    def rows() -> Iterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return Response(rows(), mimetype="text/csv")


@app.get("/broken")
def broken() -> str:
    raise RuntimeError("broken")
