"""Django in one file, over WSGI; in a project of yours the parts go where they always go.

gunicorn django_app:application
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import path

from auditsaas_client import Actor, AuditLog, Target, annotate
from auditsaas_client.wsgi import AuditMiddleware

# settings.py
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"],
    MIDDLEWARE=["django_app.AuditAnnotations"],
    ROOT_URLCONF="django_app",
    SECRET_KEY=os.environ.get("SECRET_KEY", "only-for-this-example"),
)
django.setup()


# middleware.py
class AuditAnnotations:
    """Tells the log the route and the user, which only Django knows.

    It goes after AuthenticationMiddleware in MIDDLEWARE.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        # Here stands request.user, if it is_authenticated.
        user = request.headers.get("X-Demo-User")
        if user:
            annotate(request.META, actor=Actor(id=user))
        if request.resolver_match is not None:
            annotate(request.META, route=request.resolver_match.route)
        return response


# views.py
def invoice(request: HttpRequest, number: int) -> HttpResponse:
    if number > 1000:
        raise Http404
    if request.method == "POST":
        annotate(request.META, activity="invoice.update", targets=[Target("invoice", str(number))])
    return JsonResponse({"number": number})


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


# urls.py
urlpatterns: list[Any] = [
    path("invoices/<int:number>", invoice),
    path("broken", broken),
]

# wsgi.py
log = AuditLog(
    os.environ["AUDITSAAS_URL"],
    os.environ["AUDITSAAS_KEY"],
    spill=os.environ.get("AUDITSAAS_SPILL"),
)
application = AuditMiddleware(get_wsgi_application(), log, exclude=["/healthz", "/static/*"])
