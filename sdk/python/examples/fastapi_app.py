"""FastAPI: each request is an event; a view says what only it knows.

uvicorn fastapi_app:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from auditsaas_client import Actor, AsyncAuditLog, Target, annotate
from auditsaas_client.asgi import AuditMiddleware, Scope

log = AsyncAuditLog(
    os.environ["AUDITSAAS_URL"],
    os.environ["AUDITSAAS_KEY"],
    spill=os.environ.get("AUDITSAAS_SPILL"),
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await log.close()


def who(scope: Scope) -> Actor | None:
    # Here stands what your own sign-in left in scope["state"].
    headers = dict(scope["headers"])
    user = headers.get(b"x-demo-user", b"").decode()
    return Actor(id=user) if user else None


app = FastAPI(lifespan=lifespan)
app.add_middleware(AuditMiddleware, log=log, actor=who, exclude=["/healthz"])


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.get("/invoices/{number}")
async def invoice(number: int) -> dict[str, int]:
    if number > 1000:
        raise HTTPException(404)
    return {"number": number}


@app.post("/invoices/{number}")
async def update_invoice(number: int, request: Request) -> dict[str, int]:
    annotate(
        request.scope,
        activity="invoice.update",
        targets=[Target("invoice", str(number))],
        changes={"total": [100, 120]},
    )
    return {"number": number}


@app.get("/report")
async def report() -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(rows(), media_type="text/csv")


@app.get("/broken")
async def broken() -> str:
    raise RuntimeError("broken")
