"""``python -m tests.deployment``: docker-compose.yml without Docker, until Ctrl-C.

Each part is a process of its own, in the form of production, with a real PostgreSQL and Redis by
URL and nginx in front.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.deployment.installation import Installation
from tests.deployment.nginx import Nginx
from tests.deployment.servers import PostgresServer, RedisServer

EMAIL, PASSWORD = "you@acme.example", "a long enough password for you"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="auditsaas-") as name:
        folder = Path(name)
        with (
            PostgresServer(folder / "postgres") as postgres,
            RedisServer(folder / "redis") as redis,
        ):
            run(folder, Installation(folder, postgres, redis))


def run(folder: Path, made: Installation) -> None:
    made.command("db", "upgrade")
    made.command("workspace", "create", "Acme", "--slug", "acme")
    made.command("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    made.command("member", "add", "acme", EMAIL, "--role", "admin")
    try:
        made.start()
        with Nginx(folder / "nginx", made.port) as proxy:
            print(made.command("doctor"))
            print(f"https://127.0.0.1:{proxy.port}, with Host: audit.example.com")
            print(f"sign-in: {EMAIL} {PASSWORD}", flush=True)
            signal.pause()
    except (KeyboardInterrupt, SystemExit):
        print("stopping")
    finally:
        made.stop()


if __name__ == "__main__":
    main()
