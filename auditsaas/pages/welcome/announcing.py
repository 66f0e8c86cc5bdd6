"""Prints the link of a fresh installation when its web begins."""

from __future__ import annotations

import logging
import threading
from typing import Final

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from auditsaas import own_actions
from auditsaas.extensions import db, settings
from auditsaas.first_run import links

PAUSES: Final = (0, 2, 5, 15, 30, 60, 120, 240)
"""Seconds before each look at a database that does not answer yet, or has no tables."""

log = logging.getLogger(__name__)


def begin(app: Flask) -> None:
    """Look in the background whether an account exists, and print a link where none does."""
    threading.Thread(target=_announce, args=(app,), name="welcome", daemon=True).start()


def _announce(app: Flask) -> None:
    for pause in PAUSES:
        threading.Event().wait(pause)
        try:
            offer(app)
        except SQLAlchemyError:
            continue
        return


def offer(app: Flask) -> None:
    """Make and print the link, where no account exists and no link was made before."""
    with app.app_context():
        session, known = db.session(), settings()
        if not links.nobody_yet(session):
            return
        link = links.offer(session, own_actions.installation(known.brand_name))
        session.commit()
        if link is not None:
            # The one line that holds the token: requests with it are written without it.
            log.warning(
                "Nobody has an account yet. Open this link within 24 hours to set %s up: %s%s",
                known.brand_name,
                known.base_url,
                link.path,
            )
