"""Wires the application together; the parts themselves live in the feature packages."""

from __future__ import annotations

from flask import Flask

from auditsaas.access.form_protection import csrf
from auditsaas.api import views as api
from auditsaas.extensions import compress, login_manager
from auditsaas.first_run import refusals
from auditsaas.first_run.refusals import Refusals
from auditsaas.formatting import jinja
from auditsaas.frame import bundles, setup
from auditsaas.jobs.worker_app import connected
from auditsaas.pages.account.confirm_views import confirmation
from auditsaas.pages.account.passkey_views import passkey_pages
from auditsaas.pages.account.password_reset_views import password_reset
from auditsaas.pages.account.preferences_views import account
from auditsaas.pages.account.security_views import security
from auditsaas.pages.account.sign_in_views import accounts
from auditsaas.pages.audit_log.views import audit_logs
from auditsaas.pages.erasures.views import erasures
from auditsaas.pages.evidence.finding_views import findings
from auditsaas.pages.evidence.proof_views import event_proofs
from auditsaas.pages.evidence.verifier_views import verifier
from auditsaas.pages.evidence.views import integrity
from auditsaas.pages.exports.views import exports
from auditsaas.pages.filter_field.views import filter_field
from auditsaas.pages.go_to.views import go_to
from auditsaas.pages.imports.mapping_views import import_mappings
from auditsaas.pages.imports.views import imports
from auditsaas.pages.notifications.views import notifications
from auditsaas.pages.onboarding.views import onboarding
from auditsaas.pages.reads.views import log_reads
from auditsaas.pages.saved_views.views import saved_views
from auditsaas.pages.schedules import views as schedule_pages
from auditsaas.pages.superadmin.member_views import platform_members
from auditsaas.pages.superadmin.request_views import access_requests
from auditsaas.pages.superadmin.views import superadmin
from auditsaas.pages.welcome.views import welcome
from auditsaas.pages.workspaces import views as workspace_pages
from auditsaas.quotas import current as quotas
from auditsaas.tracing.choice import trace_if_wanted
from auditsaas.version import version
from config.settings import Settings
from config.start import load

WEB_STATEMENT_TIMEOUT_MS = 15_000


def create_app(
    settings: Settings | None = None,
    *,
    statement_timeout_ms: int = WEB_STATEMENT_TIMEOUT_MS,
) -> Flask:
    """Build the Flask application; without ``settings`` they are read from the environment.

    ``statement_timeout_ms`` bounds every statement of its connections.
    """
    settings = settings or load()
    app = connected(
        Flask("auditsaas", template_folder=str(setup.TEMPLATES), static_folder=str(bundles.STATIC)),
        settings,
        setup.configuration(settings),
        statement_timeout_ms=statement_timeout_ms,
    )
    csrf.init_app(app)
    login_manager.init_app(app)
    compress.init_app(app)
    jinja.install(app)
    quotas.install(app, settings)
    app.extensions[refusals.EXTENSION] = Refusals.at(settings.redis_url)
    setup.install(app)
    for blueprint in (
        account,
        accounts,
        audit_logs,
        erasures,
        event_proofs,
        exports,
        filter_field,
        findings,
        go_to,
        integrity,
        log_reads,
        notifications,
        onboarding,
        saved_views,
        verifier,
    ):
        app.register_blueprint(blueprint)
    for blueprint in (imports, import_mappings):
        app.register_blueprint(blueprint)
    schedule_pages.install(app)
    for blueprint in (security, password_reset, passkey_pages, confirmation, welcome):
        app.register_blueprint(blueprint)
    for blueprint in (superadmin, access_requests, platform_members):
        app.register_blueprint(blueprint)
    workspace_pages.install(app)
    api.install(app)
    trace_if_wanted(app, version=version())
    return app
