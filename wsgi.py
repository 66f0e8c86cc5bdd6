"""The WSGI entry point: ``gunicorn wsgi:app``."""

import sys

from auditsaas.app import create_app
from config.errors import SettingsError

WORKER_BOOT_ERROR = 3
"""With this code of a worker gunicorn ends; after any other it would start the next worker."""

try:
    app = create_app()
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(WORKER_BOOT_ERROR)
