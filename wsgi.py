"""The WSGI entry point: ``gunicorn wsgi:app``."""

from auditsaas import logs

WORKER_BOOT_ERROR = 3
"""With this code of a worker gunicorn ends; after any other it would start the next worker."""

with logs.starting(WORKER_BOOT_ERROR):
    from auditsaas.app import create_app

    app = create_app()
