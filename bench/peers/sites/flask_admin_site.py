"""Flask-Admin over the events; runs with the packages of its own environment."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects.postgresql import INET

app = Flask(__name__)
app.config["SECRET_KEY"] = os.urandom(16)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["PEERS_URL"].replace(
    "postgresql:", "postgresql+psycopg:"
)
db = SQLAlchemy(app)


class Event(db.Model):  # type: ignore[name-defined]
    __tablename__ = "events"

    id = db.Column(db.Uuid, primary_key=True)
    occurred_at = db.Column(db.DateTime(timezone=True))
    activity = db.Column(db.Text)
    status = db.Column(db.Text)
    actor_id = db.Column(db.Text)
    actor_name = db.Column(db.Text)
    actor_email = db.Column(db.Text)
    actor_role = db.Column(db.Text)
    method = db.Column(db.Text)
    path = db.Column(db.Text)
    status_code = db.Column(db.SmallInteger)
    ip = db.Column(INET)
    user_agent = db.Column(db.Text)
    platform = db.Column(db.Text)
    browser = db.Column(db.Text)
    duration_ms = db.Column(db.Double)
    request_id = db.Column(db.Text)
    targets = db.Column(db.Text)
    changes = db.Column(db.Text)
    metadata_ = db.Column("metadata", db.Text)


COLUMNS = [column.key for column in Event.__mapper__.column_attrs]


class EventView(ModelView):
    can_create = can_edit = can_delete = False
    can_export = True
    page_size = 50
    simple_list_pager = True  # does not count
    named_filter_urls = True
    column_default_sort = ("id", True)
    column_list: Any = (
        "occurred_at",
        "activity",
        "status",
        "actor_name",
        "actor_email",
        "method",
        "status_code",
        "ip",
        "platform",
        "browser",
        "duration_ms",
        "path",
    )
    column_filters: Any = ("actor_id", "activity", "status", "method")
    column_searchable_list: Any = ("activity", "path", "actor_name", "actor_email")
    column_export_list: Any = COLUMNS


admin = Admin(app, name="Events")
admin.add_view(EventView(Event, db.session, endpoint="events"))
