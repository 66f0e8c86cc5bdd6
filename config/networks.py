"""Refuses servers that are open to the network they are reached over, one sentence each.

A server on this machine is reached over no network. Another may be named in ``PRIVATE_HOSTS``,
where the way to it is this installation's alone, as between containers of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

PRIVATE: Final = "PRIVATE_HOSTS"
CATCHER: Final = "MAIL_CATCHER"
ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
CATCHERS: Final = ("mailpit", "mailhog", "maildev", "mailcatcher", "inbucket", "smtp4dev")
CATCHERS_PORT: Final = 1025


def plain_database(environ: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Refuse a database on another machine whose connections are not, or not always, encrypted.

    As libpq reads them, ``sslmode`` and the host may stand in the URL's query or the environment.
    """
    for name in names:
        url = environ.get(name)
        if not url:
            continue
        query = _query(url)
        hosts = query.get("host") or _netloc_hosts(url) or environ.get("PGHOST", "")
        mode = query.get("sslmode") or environ.get("PGSSLMODE", "")
        sealed = query.get("gssencmode") or environ.get("PGGSSENCMODE", "")
        remote = next((host for host in hosts.split(",") if _is_remote(host, environ)), None)
        if remote and mode not in ENCRYPTED and sealed != "require":
            return (
                f"{name} reaches {remote} without TLS; add ?sslmode=verify-full (or require), or"
                f" name {remote} in {PRIVATE} where the way to it is this installation's alone."
            )
    return None


def open_redis(environ: Mapping[str, str]) -> str | None:
    """Refuse a Redis on another machine that takes commands without a password."""
    url = environ["REDIS_URL"]
    try:
        parts = urlsplit(url)
    except ValueError:
        return "REDIS_URL is not an address."
    if parts.scheme == "unix" or parts.password or "password" in _query(url):
        return None
    host = parts.hostname or ""
    if not _is_another_machine(host) or "ssl_certfile" in _query(url):
        return None
    return (
        f"REDIS_URL reaches {host} without a password; set requirepass there, and name it:"
        f" {parts.scheme}://:password@{host}"
    )


def caught_mail(environ: Mapping[str, str]) -> str | None:
    """Refuse a mail server that keeps what it is given, unless ``MAIL_CATCHER`` says so."""
    try:
        parts = urlsplit(environ.get("SMTP_URL", ""))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None  # its own check has the words
    caught = port == CATCHERS_PORT or any(name in host for name in CATCHERS)
    if not caught or environ.get(CATCHER) == "1":
        return None
    return (
        f"SMTP_URL names a mail catcher ({host}), which sends nothing on; name the real server, or"
        f" set {CATCHER}=1 for a trial in which no mail reaches anybody."
    )


def _is_remote(host: str, environ: Mapping[str, str]) -> bool:
    private = {each.strip().lower() for each in environ.get(PRIVATE, "").split(",")}
    return _is_another_machine(host) and host.lower() not in private


def _is_another_machine(host: str) -> bool:
    """Tell whether a host is reached over a network: neither loopback nor a socket's folder."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _netloc_hosts(url: str) -> str:
    """Return the hosts before the path, as commas part them, without user and ports."""
    try:
        places = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError:
        return ""
    return ",".join(
        place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
        for place in places
    )


def _query(url: str) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    except ValueError:
        return {}
