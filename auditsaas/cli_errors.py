"""Error messages of the operator's commands; loads neither the database nor Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from click.exceptions import Exit

from auditsaas.errors import DomainError
from config.errors import SettingsError

DONE, PARTLY_REFUSED, NOT_DONE = 0, 1, 2

SEE_MORE = "To see where, run: auditsaas --traceback …"


class Refusal(click.ClickException):
    """Nothing was done, for a reason the operator can act on."""

    exit_code = NOT_DONE


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn every error into one sentence and exit code 2, never a traceback.

    An unforeseen one is told by its kind and its first line, with the way to see all of it.
    """
    try:
        yield
    except (click.ClickException, click.Abort, Exit, BrokenPipeError):
        raise  # click's own, which it tells by itself
    except (SettingsError, DomainError) as error:
        raise Refusal(str(error)) from error
    except Exception as error:
        raise Refusal(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    # Only now, for a command that needs none of them ends before they are loaded.
    import psycopg
    import redis
    from sqlalchemy.exc import OperationalError, SQLAlchemyError

    cause = _first_line(getattr(error, "orig", None) or error)
    if isinstance(getattr(error, "orig", None), psycopg.errors.UndefinedTable):
        return "The database has no tables yet. Run: auditsaas db upgrade"
    if isinstance(error, OperationalError | psycopg.OperationalError):
        return f"The database cannot be used: {cause}"
    if isinstance(error, SQLAlchemyError | psycopg.Error):
        return f"The database refuses: {cause} {SEE_MORE}"
    if isinstance(error, redis.RedisError):
        return f"Redis cannot be used: {cause}"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}. {SEE_MORE}"
    return f"That went wrong ({type(error).__name__}): {cause} {SEE_MORE}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return next((line.strip() for line in lines if line.strip()), "it does not say why.")
