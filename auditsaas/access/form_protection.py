"""Checks the CSRF token of forms, also of pages that another of the secret keys signed.

While ``SECRET_KEY`` is changed, processes with the key before and with the new one serve the same
browser, and a page that is open for long was signed by the one before.
"""

# mypy: allow-untyped-calls
# Flask-WTF has no types.

from __future__ import annotations

from flask_wtf.csrf import CSRFError, CSRFProtect

from auditsaas.access.browser import CSRF_FIELD, browser_session


class FormProtection(CSRFProtect):
    """Compares a token with what follows from each key; Flask-WTF knows one value only."""

    def protect(self, apply_exemptions: bool = False) -> None:
        browser = browser_session()
        current, *others = browser.csrf_values()
        try:
            super().protect(apply_exemptions)
        except CSRFError:
            if not any(self._takes(value, apply_exemptions) for value in others):
                raise
        finally:
            browser[CSRF_FIELD] = current

    def _takes(self, value: str, apply_exemptions: bool) -> bool:
        browser_session()[CSRF_FIELD] = value
        try:
            super().protect(apply_exemptions)
        except CSRFError:
            return False
        return True


csrf: CSRFProtect = FormProtection()
