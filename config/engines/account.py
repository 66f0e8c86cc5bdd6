"""The system account of the engines.

PostgreSQL refuses to run as root, so a command run by root starts both engines as an account of
their own; anyone else runs them as themselves.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.engines.passage import let_through
from config.errors import SettingsError

ACCOUNT_NAME = "pgserver"  # the name that the wheel's own launcher uses, so that both agree

# Nothing of the caller's environment reaches an engine: PGPORT, PGOPTIONS or a locale would.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True)
class Account:
    """The account that runs an engine; ``switched`` when it differs from this process's own."""

    uid: int
    gid: int
    switched: bool

    def run(self, command: Sequence[str], folder: Path) -> tuple[int, str]:
        """Run a program to its end in ``folder``; return the exit code and the output."""
        # A file, not a pipe: a daemon left behind by the command would hold a pipe open.
        with tempfile.TemporaryFile() as output:
            process = self._start(command, folder, output.fileno())
            try:
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            return code, output.read().decode(errors="replace")

    def spawn(self, command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
        """Start a process that may outlive this one."""
        return self._start(command, folder, subprocess.DEVNULL)

    def own(self, path: Path, mode: int) -> None:
        """Give the account ``path``, closed to others."""
        path.chmod(mode)
        if self.switched:
            os.chown(path, self.uid, self.gid)

    def make_folder(self, folder: Path) -> None:
        """Make a private folder of the account, which it can also reach."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(folder, 0o700)
        self.reach(folder)

    def reach(self, path: Path) -> None:
        """Grant the account traversal, but not listing, of the folders above ``path``."""
        if self.switched:
            for parent in path.parents:
                let_through(parent, self.uid, self.gid)

    def _start(self, command: Sequence[str], folder: Path, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C on the terminal must reach the engines last, and not from the terminal.
            start_new_session=True,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )


def installed(package: str) -> Path:
    """Find a package's folder without importing it; importing these two has effects of its own."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SettingsError(
            f"The package {package}, which holds an embedded server, is not installed."
        )
    return Path(spec.origin).resolve().parent


def engine_account() -> Account:
    """Choose the engines' account; raise SettingsError when root has none and cannot make one."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switched=False)
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _made_account()
    return Account(entry.pw_uid, entry.pw_gid, switched=True)


def _made_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        command = [
            useradd,
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
        ]
        subprocess.run([*command, ACCOUNT_NAME], capture_output=True, check=False)
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        raise SettingsError(
            f"PostgreSQL does not run as root, and the system account {ACCOUNT_NAME} cannot be "
            "made here: run this command as an ordinary user, or set DATABASE_URL."
        ) from None
