"""nginx with the product's own example, on other ports and with a certificate of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.support.certificates import write_certificate
from tests.support.serving import free_port
from tests.support.workers import ROOT, eventually

PROGRAM = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
EXAMPLE = ROOT / "deploy" / "nginx" / "auditsaas.conf"
FRAME = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/auditsaas.conf;
}}
"""


class Nginx:
    """Needs Debian's package nginx-light, which ``make test`` installs."""

    def __init__(self, folder: Path, upstream_port: int, files: Path | None = None) -> None:
        self._folder = folder
        self._files = files or folder
        self._upstream_port = upstream_port
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.plain_port = free_port()

    def __enter__(self) -> Self:
        self._folder.mkdir()
        write_certificate(self._folder / "certificate.pem")
        (self._folder / "auditsaas.conf").write_text(self._example())
        main = self._folder / "nginx.conf"
        # Started by root it would drop to an account that cannot enter this folder.
        user = "user root;" if self._folder.owner() == "root" else ""
        main.write_text(FRAME.format(folder=self._folder, user=user))
        command = [PROGRAM, "-c", str(main), "-e", str(self._folder / "error.log")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        self._process = subprocess.Popen(command)
        eventually(self._listens, "a proxy that listens")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def logged(self) -> str:
        """All that it wrote, of requests and of errors."""
        return "".join(log.read_text() for log in self._folder.glob("*.log"))

    def _example(self) -> str:
        certificate = self._folder / "certificate.pem"
        text = EXAMPLE.read_text()
        for there, here in (
            ("server 127.0.0.1:8000", f"server 127.0.0.1:{self._upstream_port}"),
            ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("/var/log/nginx/", f"{self._folder}/"),
            ("/var/lib/auditsaas/files/", f"{self._files}/"),
            ("/etc/letsencrypt/live/audit.example.com/fullchain.pem", str(certificate)),
            ("/etc/letsencrypt/live/audit.example.com/privkey.pem", str(certificate)),
        ):
            assert there in text, there
            text = text.replace(there, here)
        return text
