"""The WSGI entry point: ``gunicorn wsgi:app``."""

import gc

# What is loaded at the start stays; to look through it for garbage takes a sixth of the start.
gc.disable()

from auditsaas import logs  # noqa: E402

WORKER_BOOT_ERROR = 3
"""With this code of a worker gunicorn ends; after any other it would start the next worker."""

with logs.starting(WORKER_BOOT_ERROR):
    from auditsaas.app import create_app
    from auditsaas.pages.welcome import announcing

    app = create_app()
    announcing.begin(app)

gc.enable()
