"""One check of the doctor, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import Connection, Engine, NullPool, make_url
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import deadlines
from auditsaas.db.encoding import WrongEncoding
from auditsaas.db.pools import make_engine
from auditsaas.operations.checks import refusals
from auditsaas.operations.finding import Finding, fail
from config.settings import OWNER, Settings

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10.0
PARTS = {
    "DATABASE_URL": "app role",
    "PLATFORM_DATABASE_URL": "platform role",
    OWNER: "owner role",
    "REPLICA_DATABASE_URL": "replica",
}
"""The part that a server's refusal is told of, by the setting that names it."""


class Unreachable(Exception):
    """A server cannot be looked at; ``finding`` says why, and is None where that was said."""

    def __init__(self, finding: Finding | None) -> None:
        super().__init__(finding)
        self.finding = finding


class Sight:
    """Subjects of the checks: settings, and servers, connected to when a check first asks."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings = settings
        self._stack = stack
        self._connections: dict[str, Connection] = {}
        self._unreachable: set[str] = set()
        self._redis: Redis | None = None

    @property
    def app(self) -> Connection:
        return self._database("DATABASE_URL", self.settings.database_url)

    @property
    def platform(self) -> Connection:
        return self._database("PLATFORM_DATABASE_URL", self.settings.platform_database_url)

    @property
    def owner(self) -> Connection | None:
        """The owner's connection; None in a process that is not told its password."""
        url = self.settings.migration_database_url
        return self._database(OWNER, url) if url else None

    @property
    def replica(self) -> Connection | None:
        url = self.settings.replica_database_url
        return self._database("REPLICA_DATABASE_URL", url) if url else None

    @property
    def redis(self) -> Redis:
        if "REDIS_URL" in self._unreachable:
            raise Unreachable(None)
        if self._redis is None:
            try:
                self._redis = self._connected_redis()
            except (RedisError, OSError, ValueError) as error:
                self._unreachable.add("REDIS_URL")
                raise Unreachable(refusals.of_redis(error)) from error
        return self._redis

    @property
    def roles(self) -> dict[str, str]:
        """Return the names of the app and the platform role."""
        urls = {"app": self.settings.database_url, "platform": self.settings.platform_database_url}
        return {part: make_url(url).username or "" for part, url in urls.items()}

    def opened(self, url: str) -> Connection:
        """Open a further connection, closed together with the others."""
        return self._stack.enter_context(_engine(url).connect())

    def give_up(self) -> None:
        """Ask no server again that took a statement and did not answer in time."""
        self._unreachable |= {*self._connections}
        self._connections.clear()

    def settle(self) -> None:
        """End what a check left open, so that the next one begins anew."""
        for connection in self._connections.values():
            connection.rollback()

    def _database(self, setting: str, url: str) -> Connection:
        if setting in self._unreachable:
            raise Unreachable(None)
        if setting not in self._connections:
            try:
                self._connections[setting] = self.opened(url)
            except WrongEncoding as error:
                self._unreachable.add(setting)
                raise Unreachable(fail(PARTS[setting], error.words, error.remedy)) from error
            except SQLAlchemyError as error:
                self._unreachable.add(setting)
                found = refusals.of_database(error, PARTS[setting], setting, make_url(url))
                raise Unreachable(found) from error
        return self._connections[setting]

    def _connected_redis(self) -> Redis:
        made = Redis.from_url(
            self.settings.redis_url,
            socket_timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._stack.callback(made.close)
        made.ping()
        return made


@dataclass(frozen=True)
class Check:
    """A check by its name, such as ``policies``; what it finds may be of several parts."""

    name: str
    look: Callable[[Sight], Iterator[Finding]]


def either(name: str, look: Callable[[Sight], Finding]) -> Check:
    """Make a check that finds one thing."""
    return Check(name, partial(_one, look))


def _one(look: Callable[[Sight], Finding], sight: Sight) -> Iterator[Finding]:
    yield look(sight)


def _engine(url: str) -> Engine:
    connect_args = {"application_name": "auditsaas doctor", **deadlines.TCP}
    connect_args |= {"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None}
    made = make_engine(url, poolclass=NullPool, connect_args=connect_args)
    deadlines.bound(made, STATEMENT_SECONDS)
    return made
