"""Wires the application together; the parts themselves live in the feature packages."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from auditsaas import logs
from auditsaas.access.form_protection import csrf
from auditsaas.api import views as api
from auditsaas.db import deadlines, isolation, pools, replica, tickets
from auditsaas.db.platform import PLATFORM_BIND
from auditsaas.extensions import compress, db, login_manager
from auditsaas.formatting import jinja
from auditsaas.frame import setup
from auditsaas.jobs import queue
from auditsaas.pages.account.confirm_views import confirmation
from auditsaas.pages.account.passkey_views import passkey_pages
from auditsaas.pages.account.password_reset_views import password_reset
from auditsaas.pages.account.preferences_views import account
from auditsaas.pages.account.security_views import security
from auditsaas.pages.account.sign_in_views import accounts
from auditsaas.pages.audit_log.views import audit_logs
from auditsaas.pages.exports.views import exports
from auditsaas.pages.imports.mapping_views import import_mappings
from auditsaas.pages.imports.views import imports
from auditsaas.pages.notifications.views import notifications
from auditsaas.pages.reads.views import log_reads
from auditsaas.pages.saved_views.views import saved_views
from auditsaas.pages.schedules import views as schedule_pages
from auditsaas.pages.superadmin.request_views import access_requests
from auditsaas.pages.superadmin.views import superadmin
from auditsaas.pages.workspaces import views as workspace_pages
from config.settings import Settings
from config.start import load

WEB_STATEMENT_TIMEOUT_MS = 15_000

APP_POOL = "app"
"""The name in figures of the pool that serves people and senders."""

PoolOptions = Callable[..., dict[str, object]]


def create_app(
    settings: Settings | None = None,
    *,
    statement_timeout_ms: int = WEB_STATEMENT_TIMEOUT_MS,
) -> Flask:
    """Build the Flask application; without ``settings`` they are read from the environment.

    ``statement_timeout_ms`` bounds every statement of its connections; 0 means unbounded, which
    only workers ask for.
    """
    settings = settings or load()
    logs.install(as_json=settings.production)
    if settings.production:
        isolation.refuse_to_start_above(settings)
    app = Flask("auditsaas", template_folder=str(setup.TEMPLATES), static_folder=str(setup.STATIC))
    app.config.update(setup.configuration(settings))
    app.extensions["settings"] = settings
    tickets.sign_with(settings.secret_key)
    _connect(app, settings, statement_timeout_ms)
    csrf.init_app(app)
    login_manager.init_app(app)
    compress.init_app(app)
    jinja.install(app)
    setup.install(app)
    queue.install(app, settings)
    for blueprint in (
        account,
        accounts,
        audit_logs,
        exports,
        log_reads,
        notifications,
        saved_views,
    ):
        app.register_blueprint(blueprint)
    for blueprint in (imports, import_mappings):
        app.register_blueprint(blueprint)
    schedule_pages.install(app)
    for blueprint in (security, password_reset, passkey_pages, confirmation):
        app.register_blueprint(blueprint)
    for blueprint in (superadmin, access_requests):
        app.register_blueprint(blueprint)
    workspace_pages.install(app)
    api.install(app)
    return app


def _connect(app: Flask, settings: Settings, statement_timeout_ms: int) -> None:
    pooled = settings.transaction_pooling

    def options(url: str, name: str, make: PoolOptions = pools.engine_options) -> dict[str, object]:
        return make(url, statement_timeout_ms, name=name, transaction_pooling=pooled)

    binds = {PLATFORM_BIND: options(settings.platform_database_url, PLATFORM_BIND)}
    if settings.replica_database_url:
        binds[replica.REPLICA_BIND] = options(
            settings.replica_database_url, replica.REPLICA_BIND, replica.engine_options
        )
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options(settings.database_url, APP_POOL)
    app.config["SQLALCHEMY_BINDS"] = binds
    db.init_app(app)
    app.teardown_appcontext(pools.end_transaction)
    with app.app_context():
        for name, engine in db.engines.items():
            pools.guard(engine)
            deadlines.bound(
                engine,
                deadlines.beyond(statement_timeout_ms),
                # Through a pooler a ping waits for its turn like any statement.
                ping_seconds=deadlines.beyond(statement_timeout_ms)
                if pooled
                else deadlines.PING_SECONDS,
                # The primary answers in the place of a replica, at once.
                wait_out_restarts=name != replica.REPLICA_BIND,
            )
            if pooled:
                pools.settle_each_transaction(engine, statement_timeout_ms)
