"""What a view knows of its request, told to the middleware around the application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from .events import ActorLike, Changes, TargetLike

KEY = "auditsaas_client.annotations"


def annotate(
    request: MutableMapping[str, Any],
    *,
    actor: ActorLike | None = None,
    activity: str | None = None,
    route: str | None = None,
    targets: Iterable[TargetLike] | None = None,
    changes: Changes | None = None,
    metadata: Mapping[str, Any] | None = None,
    skip: bool = False,
) -> None:
    """Add to the event of this request; what is given later goes before what was given earlier.

    ``request`` is the WSGI environ or the ASGI scope: ``request.environ`` in Flask,
    ``request.META`` in Django, ``request.scope`` in FastAPI. ``route`` is the pattern that the
    address matched; ``skip`` leaves the request out of the log.
    """
    given = {
        "actor": actor,
        "activity": activity,
        "route": route,
        "targets": None if targets is None else list(targets),
        "changes": changes,
        "metadata": metadata,
        "skip": skip or None,
    }
    notes = request.setdefault(KEY, {})
    notes.update({name: value for name, value in given.items() if value is not None})
