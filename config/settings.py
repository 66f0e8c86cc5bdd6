"""Settings, read once from the environment.

Nothing else reads ``os.environ`` but ``config/gunicorn.py``, which imports no product module.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import refusals
from config.errors import SettingsError
from config.outbound import Allowed, Proxy, read_allowed, read_proxy
from config.secret_keys import SecretKeys, read_fallbacks


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between two installations.

    The three database URLs are one database seen by three roles: ``database_url`` by the app role,
    ``platform_database_url`` by the read-only super-admin role, ``migration_database_url`` by the
    owner of the tables, which only migrations, operators and the maintenance worker know.
    """

    database_url: str
    platform_database_url: str
    migration_database_url: str | None = None
    redis_url: str
    secret_key: str
    secret_key_fallbacks: tuple[str, ...] = ()
    """Keys whose seals and signatures are taken too, while ``secret_key`` is changed."""
    data_dir: Path
    base_url: str = "http://127.0.0.1:8000"
    storage_url: str
    smtp_url: str | None = None
    mail_from: str = "auditsaas@localhost"
    brand_name: str = "AuditSaaS"
    trusted_proxies: int = 0
    pdf_rows: int = 500_000
    """More than these are refused as a PDF, which takes long to make and longer to read."""
    heavy_jobs: int = 1
    """Heavy exports of one workspace that run at once, and as many imports."""
    import_max_mib: int = 10_240
    """An imported file may hold no more, unpacked."""
    import_seconds_per_mib: int = 10
    """A file that takes more of a processor's time for each MiB is no longer read."""
    quota_events_day: int = 0
    """Events that applications of a workspace may send a day; 0 is as many as they like."""
    quota_mib_day: int = 0
    """MiB that a workspace may send and upload a day."""
    quota_seconds_minute: int = 0
    """Seconds of work for its pages of the log and its calls that a workspace may use a minute."""
    quota_jobs: int = 1000
    """Exports, and imports, of a workspace that wait or run."""
    quota_share: int = 50
    """How much of a workspace's quota one person or key may use, in percent."""
    change_delay_days: int = 7
    """How long a change that cannot be undone waits, so that it can be seen and cancelled."""
    min_retention_days: int = 30
    """No admin lets a workspace keep its events for less."""
    own_events_days: int = 400
    """The product's own events of lasting kinds stay so long, whatever a workspace's retention."""
    tree_keep_years: int = 0
    """How long the leaves of removed events stay, which prove when these occurred; 0 for ever."""
    production: bool = False
    metrics_token: str | None = None
    outbound_allow: tuple[Allowed, ...] = ()
    """What addresses that people type may lead to besides public ones on port 443."""
    outbound_proxy: Proxy | None = None
    outbound_ca_file: Path | None = None
    """Authorities whose certificates are taken there besides the system's."""
    traces: bool = False
    """Whether requests, statements and jobs are traced; OpenTelemetry's variables say where to."""
    database_disk: Path | None = None
    """A folder of the database's disk, where that is a disk of the web's machine."""
    replica_database_url: str | None = None
    """A streaming replica of the database, as the app role; pages and exports are read there."""
    tree_keys: Path | None = None
    """The folder of the keys that sign logs, which the tree's worker alone may read; None where
    they are sealed in the database."""
    transaction_pooling: bool = False
    """Whether a pooler between us and PostgreSQL gives each transaction another connection."""

    @property
    def owner_url(self) -> str:
        """``migration_database_url``, where it is needed.

        Raises:
            SettingsError: this process was not told it.
        """
        if self.migration_database_url is None:
            raise SettingsError(f"{OWNER} is not set, and this needs the owner of the tables.")
        return self.migration_database_url

    @property
    def secret_keys(self) -> SecretKeys:
        return SecretKeys(self.secret_key, self.secret_key_fallbacks)

    @property
    def secure_cookies(self) -> bool:
        """Plain HTTP is allowed only where browsers treat it as trustworthy: on loopback."""
        return urlsplit(self.base_url).scheme == "https"


SERVING = ("DATABASE_URL", "PLATFORM_DATABASE_URL")
OWNER = "MIGRATION_DATABASE_URL"
DATABASES = (*SERVING, OWNER)
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # the name that prometheus-client reads


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from ``environ``; nothing is made or started (``config.start`` does that).

    Raises:
        SettingsError: a value is missing or unusable.
    """
    production = refuse_unsafe(environ)
    data_dir = data_folder(environ)
    app, platform, owner = _database_urls(environ)
    base_url = environ.get("BASE_URL") or f"http://127.0.0.1:{port(environ)}"
    return Settings(
        database_url=app,
        platform_database_url=platform,
        migration_database_url=owner,
        redis_url=_required(environ, "REDIS_URL"),
        secret_key=_required(environ, "SECRET_KEY"),
        secret_key_fallbacks=read_fallbacks(
            environ.get("SECRET_KEY_FALLBACKS", ""), environ["SECRET_KEY"]
        ),
        data_dir=data_dir,
        base_url=base_url.rstrip("/"),
        storage_url=environ.get("STORAGE_URL") or (data_dir / "files").as_uri(),
        smtp_url=environ.get("SMTP_URL") or None,
        mail_from=environ.get("MAIL_FROM") or "auditsaas@localhost",
        brand_name=environ.get("BRAND_NAME") or "AuditSaaS",
        trusted_proxies=_whole_number(environ, "TRUSTED_PROXIES"),
        pdf_rows=_whole_number(environ, "PDF_ROWS", 500_000),
        heavy_jobs=_whole_number(environ, "HEAVY_JOBS", 1, within=(1, 1000)),
        import_max_mib=_whole_number(environ, "IMPORT_MAX_MIB", 10_240, within=(1, 1_048_576)),
        import_seconds_per_mib=_whole_number(
            environ, "IMPORT_SECONDS_PER_MIB", 10, within=(1, 3600)
        ),
        quota_events_day=_whole_number(environ, "QUOTA_EVENTS_DAY"),
        quota_mib_day=_whole_number(environ, "QUOTA_MIB_DAY"),
        quota_seconds_minute=_whole_number(environ, "QUOTA_SECONDS_MINUTE"),
        quota_jobs=_whole_number(environ, "QUOTA_JOBS", 1000),
        quota_share=_whole_number(environ, "QUOTA_SHARE", 50, within=(1, 100)),
        change_delay_days=_whole_number(environ, "CHANGE_DELAY_DAYS", 7, within=(1, 365)),
        min_retention_days=_whole_number(environ, "MIN_RETENTION_DAYS", 30, within=(1, 36_500)),
        own_events_days=_whole_number(environ, "OWN_EVENTS_DAYS", 400, within=(400, 36_500)),
        tree_keep_years=_whole_number(environ, "TREE_KEEP_YEARS", 0, within=(0, 1000)),
        production=production,
        metrics_token=environ.get("METRICS_TOKEN") or None,
        outbound_allow=read_allowed(environ.get("OUTBOUND_ALLOW", "")),
        outbound_proxy=read_proxy(environ.get("OUTBOUND_PROXY", "")),
        outbound_ca_file=_path(environ, "OUTBOUND_CA_FILE"),
        traces=_traces(environ),
        database_disk=_path(environ, "DATABASE_DISK"),
        replica_database_url=_replica_url(environ),
        tree_keys=_folder_address(environ, "TREE_KEYS"),
        transaction_pooling=_whole_number(environ, "TRANSACTION_POOLING") > 0,
    )


def is_production(environ: Mapping[str, str] = os.environ) -> bool:
    return environ.get("AUDITSAAS_ENV", "") == "production"


def refuse_unsafe(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this is production; raise SettingsError when it must not start like that."""
    if not is_production(environ):
        return False
    sentence = refusals.refusal(environ)
    if sentence:
        raise SettingsError(sentence)
    return True


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return ``DATA_DIR``, absolute; nothing is made or started."""
    return Path(environ.get("DATA_DIR") or "var").expanduser().resolve()


def metrics_are_shared() -> bool:
    return SHARED_METRICS in os.environ


def port(environ: Mapping[str, str] = os.environ) -> int:
    """Return ``PORT``, where the web server listens."""
    number = _whole_number(environ, "PORT", 8000)
    if not 0 < number < 65536:
        raise SettingsError(f"PORT must be between 1 and 65535, not {number}.")
    return number


def has_database(environ: Mapping[str, str]) -> bool:
    """Tell whether any of the database's URLs is given."""
    return any(environ.get(name) for name in DATABASES)


def _database_urls(environ: Mapping[str, str]) -> tuple[str, str, str | None]:
    given = [name for name in DATABASES if environ.get(name)]
    missing = [name for name in SERVING if name not in given]
    if given and missing:
        raise SettingsError(
            f"{given[0]} is set but {missing[0]} is not; each role that serves people needs a URL."
        )
    app, platform = (_psycopg_url(name, _required(environ, name)) for name in SERVING)
    return app, platform, _psycopg_url(OWNER, environ[OWNER]) if OWNER in given else None


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise SettingsError(f"{name} is not set.")
    return environ[name]


def _traces(environ: Mapping[str, str]) -> bool:
    """Tell whether traces are asked for; without a word they are not, unlike OpenTelemetry's."""
    exporter = environ.get("OTEL_TRACES_EXPORTER") or "none"
    if exporter not in ("none", "otlp"):
        raise SettingsError(f"OTEL_TRACES_EXPORTER must be otlp or none, not {exporter!r}.")
    if exporter == "otlp" and not _has("opentelemetry.sdk", "opentelemetry.exporter"):
        raise SettingsError(
            "OTEL_TRACES_EXPORTER is otlp, which needs the packages of requirements/otel.txt."
        )
    return exporter == "otlp"


def _has(*packages: str) -> bool:
    try:
        return all(find_spec(package) for package in packages)
    except (ImportError, ValueError):  # the package around it, or itself, is not to be had
        return False


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if text and not Path(text).is_absolute():
        raise SettingsError(f"{name} must be a path that begins with /, not {text!r}.")
    return Path(text) if text else None


def _folder_address(environ: Mapping[str, str], name: str) -> Path | None:
    parts = urlsplit(environ.get(name) or "")
    if parts == urlsplit(""):
        return None
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise SettingsError(f"{name} must start with file:///, and name a folder.")
    return path


def _replica_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("REPLICA_DATABASE_URL")
    return _psycopg_url("REPLICA_DATABASE_URL", url) if url else None


def _psycopg_url(name: str, url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise SettingsError(f"{name} must start with postgresql://.")
    return f"postgresql+psycopg://{rest}"


def _whole_number(
    environ: Mapping[str, str],
    name: str,
    default: int = 0,
    within: tuple[int, int] | None = None,
) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"{name} must be a whole number, not {text!r}.")
    if within and not within[0] <= int(text) <= within[1]:
        raise SettingsError(f"{name} must be between {within[0]:,} and {within[1]:,}, not {text}.")
    return int(text)
