"""Django's admin over django-auditlog's entries; runs with the packages of its own environment.

``python django_site.py fill`` makes its tables of the events and prints the cookie of an admin.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings

_place = urlsplit(os.environ["PEERS_URL"])
_query = parse_qs(_place.query)
settings.configure(
    SECRET_KEY=os.environ["PEERS_SECRET"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _place.path.strip("/"),
            "USER": _place.username,
            "HOST": _query["host"][0],
            "PORT": _query["port"][0],
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "auditlog",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="/static/",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from auditlog.admin import LogEntryAdmin  # noqa: E402  # Django wants its settings first
from auditlog.models import LogEntry  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.core.paginator import Paginator  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


class EstimatingPaginator(Paginator):
    """Takes PostgreSQL's own estimate where nothing is filtered, as admins of big tables do."""

    @cached_property
    def count(self) -> int:
        query = self.object_list.query
        if query.where:
            return int(self.object_list.count())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples FROM pg_class WHERE relname = %s", [query.model._meta.db_table]
            )
            return int(cursor.fetchone()[0])


class Entries(LogEntryAdmin):
    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50
    date_hierarchy = None  # reads every row
    list_filter = ("action",)  # the filter by resource type reads every row
    search_fields = ("object_repr", "actor__first_name", "actor__username", "actor__email")


admin.site.unregister(LogEntry)
admin.site.register(LogEntry, Entries)

FIELDS = (
    "timestamp",
    "action",
    "actor__username",
    "actor__first_name",
    "actor__email",
    "remote_addr",
    "object_repr",
    "object_pk",
    "changes",
    "additional_data",
)


class _Line:
    def write(self, text: str) -> str:
        return text


def as_csv(_request: HttpRequest) -> StreamingHttpResponse:
    """The admin has no CSV of its own; this is the streaming view that people add."""

    def lines() -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(FIELDS)
        for row in LogEntry.objects.values_list(*FIELDS).iterator(chunk_size=5000):
            yield writer.writerow(row)

    return StreamingHttpResponse(lines(), content_type="text/csv")


urlpatterns = [path("admin/csv", admin.site.admin_view(as_csv)), path("admin/", admin.site.urls)]
application = get_wsgi_application()

FILL = """
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO django_content_type (app_label, model)
    SELECT DISTINCT 'shop', split_part(activity, '.', 1) FROM events ON CONFLICT DO NOTHING;
INSERT INTO auth_user (username, first_name, last_name, email, password, is_superuser, is_staff,
        is_active, date_joined)
    SELECT actor_id, left(max(actor_name), 150), '', coalesce(max(actor_email), ''), '', false,
        false, true, now()
    FROM events GROUP BY actor_id ON CONFLICT DO NOTHING;
INSERT INTO auditlog_logentry (content_type_id, object_pk, object_repr, action, changes_text,
        changes, actor_id, remote_addr, timestamp, additional_data, cid, actor_email)
    SELECT t.id, coalesce(e.targets::jsonb -> 0 ->> 'id', ''), coalesce(e.path, ''),
        CASE e.method WHEN 'POST' THEN 0 WHEN 'DELETE' THEN 2 WHEN 'GET' THEN 3 ELSE 1 END,
        '', e.changes::jsonb, u.id, e.ip, e.occurred_at,
        jsonb_build_object('activity', e.activity, 'status', e.status, 'method', e.method,
            'status_code', e.status_code, 'duration_ms', e.duration_ms, 'user_agent', e.user_agent,
            'platform', e.platform, 'browser', e.browser, 'role', e.actor_role,
            'metadata', e.metadata::jsonb),
        e.request_id, e.actor_email
    FROM events AS e JOIN auth_user AS u ON u.username = e.actor_id
    JOIN django_content_type AS t
        ON t.app_label = 'shop' AND t.model = split_part(e.activity, '.', 1)
    ORDER BY e.id;
CREATE INDEX ON auditlog_logentry (timestamp DESC, id DESC);
CREATE INDEX ON auditlog_logentry (actor_id, timestamp DESC, id DESC);
CREATE INDEX ON auditlog_logentry (action, timestamp DESC, id DESC);
"""


def fill() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    if not LogEntry.objects.exists():
        with connection.cursor() as cursor:
            cursor.execute(FILL)
            cursor.execute("ANALYZE")
    users = get_user_model().objects
    boss, _ = users.get_or_create(
        username="bench-admin", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(boss)
    person = users.get(username=sys.argv[2]).pk
    found: dict[str, Any] = {"cookie": client.cookies["sessionid"].value, "person": person}
    print(json.dumps(found))


if __name__ == "__main__":
    fill()
