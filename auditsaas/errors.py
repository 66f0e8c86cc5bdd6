"""Domain errors, and the one table that turns them into HTTP answers."""

from __future__ import annotations

from dataclasses import dataclass


class DomainError(Exception):
    """A refusal that the person who asked can act on; ``str()`` is a sentence for them."""

    status = 400
    title = "Bad request"
    reason = "other"
    """Its name in figures, where the status is 503."""


class NotFound(DomainError):
    status = 404
    title = "Not found"


class Forbidden(DomainError):
    status = 403
    title = "Not allowed"


class Conflict(DomainError):
    status = 409
    title = "Conflict"


class Gone(DomainError):
    status = 410
    title = "No longer valid"


class Expired(Gone):
    title = "Expired"


class Invalid(DomainError):
    status = 422
    title = "Invalid input"


class TooOften(DomainError):
    """A limit of how often something is done; it is over after ``seconds``."""

    status = 429
    title = "Too often"

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True)
class FieldError:
    """The error of one field of the input."""

    field: str
    message: str


class InvalidFields(Invalid):
    """Several fields are wrong; each is named."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors
