"""Settings from the environment, and refusals in one sentence."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import refusals, settings, start
from config.errors import SettingsError

PRODUCTION = {
    "AUDITSAAS_ENV": "production",
    "DATABASE_URL": "postgresql://app:x@db/auditsaas",
    "PLATFORM_DATABASE_URL": "postgresql://platform:x@db/auditsaas",
    "MIGRATION_DATABASE_URL": "postgresql://owner:x@db/auditsaas",
    "PRIVATE_HOSTS": "db, replica",
    "REDIS_URL": "redis://:x@queue:6379/0",
    "SECRET_KEY": "6d1f0c9a83b24e57f0a1967c35d8be42",
    "BASE_URL": "https://audit.example.com/",
    "STORAGE_URL": "s3://bucket/prefix",
}


def test_production_uses_the_given_settings(tmp_path: Path) -> None:
    loaded = settings.load(PRODUCTION | {"DATA_DIR": str(tmp_path), "TRUSTED_PROXIES": "2"})
    assert loaded.production
    assert loaded.secure_cookies
    assert loaded.database_url == "postgresql+psycopg://app:x@db/auditsaas"
    assert loaded.platform_database_url == "postgresql+psycopg://platform:x@db/auditsaas"
    assert loaded.migration_database_url == "postgresql+psycopg://owner:x@db/auditsaas"
    assert loaded.base_url == "https://audit.example.com"
    assert loaded.trusted_proxies == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", refusals.REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
def test_production_refuses_a_missing_setting(name: str, value: str | None) -> None:
    environ = {key: text for key, text in PRODUCTION.items() if key != name}
    if value is not None:
        environ[name] = value
    with pytest.raises(SettingsError, match=f"^{name} must be set in production.$"):
        settings.load(environ)


def test_production_refuses_a_short_secret() -> None:
    with pytest.raises(SettingsError, match=r"^SECRET_KEY must have at least 32 characters"):
        settings.load(PRODUCTION | {"SECRET_KEY": "short"})


def test_production_refuses_plain_http() -> None:
    with pytest.raises(SettingsError, match=r"^BASE_URL must start with https://"):
        settings.load(PRODUCTION | {"BASE_URL": "http://audit.example.com"})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "x" * 40, "SECRET_KEY repeats a few characters"),
        ("SECRET_KEY", "replace-me" * 4, "SECRET_KEY still holds replace-me"),
        ("REDIS_URL", "redis://:replace-me@queue", "REDIS_URL still holds replace-me"),
        ("BASE_URL", "https://audit.example.com/audit", "BASE_URL must be an address without"),
        ("BASE_URL", "https://", "BASE_URL must be an address without"),
        ("DATABASE_URL", "postgresql://db/auditsaas", "DATABASE_URL must name the role"),
        (
            "PLATFORM_DATABASE_URL",
            "postgresql://app:x@db/auditsaas",
            "PLATFORM_DATABASE_URL must name a role of its own, not that of DATABASE_URL.",
        ),
        (
            "MIGRATION_DATABASE_URL",
            "postgresql://app:x@db/auditsaas",
            "MIGRATION_DATABASE_URL must name a role of its own, not that of DATABASE_URL.",
        ),
        (
            "REPLICA_DATABASE_URL",
            "postgresql://other:x@replica/auditsaas",
            "REPLICA_DATABASE_URL must name the role of DATABASE_URL.",
        ),
        ("METRICS_TOKEN", "short", "METRICS_TOKEN must have at least 16 characters"),
    ],
)
def test_production_refuses_unsafe_values(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=f"^{sentence}"):
        settings.load(PRODUCTION | {name: value})


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "PLATFORM_DATABASE_URL", "MIGRATION_DATABASE_URL"]
)
def test_database_other_than_postgresql_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must start with postgresql://.$"):
        settings.load(PRODUCTION | {name: f"sqlite://{name}@db/audit.db"})


def test_owner_is_no_setting_of_what_serves_people() -> None:
    told = settings.load({k: v for k, v in PRODUCTION.items() if k != settings.OWNER})
    assert told.migration_database_url is None
    with pytest.raises(SettingsError, match=r"^MIGRATION_DATABASE_URL is not set"):
        _ = told.owner_url


def test_one_database_url_alone_is_refused() -> None:
    environ = {"DATABASE_URL": "postgresql://app@db/auditsaas", "REDIS_URL": "redis://queue"}
    with pytest.raises(SettingsError, match="PLATFORM_DATABASE_URL is not"):
        settings.load(environ)


@pytest.mark.parametrize("text", ["-1", "two", "1.5", "١"])
def test_invalid_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^TRUSTED_PROXIES must be a whole number"):
        settings.load(PRODUCTION | {"TRUSTED_PROXIES": text})


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1"])
def test_invalid_port_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^PORT must be"):
        settings.port({"PORT": text})


def test_default_base_url_has_the_port(tmp_path: Path) -> None:
    loaded = start.load(development(tmp_path) | {"PORT": "8001"})
    assert loaded.base_url == "http://127.0.0.1:8001"
    assert not loaded.secure_cookies


def test_generated_secret_key_is_kept_with_private_permissions(tmp_path: Path) -> None:
    first = start.load(development(tmp_path)).secret_key
    second = start.load(development(tmp_path)).secret_key
    assert first == second
    assert len(first) >= 32
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_concurrent_processes_agree_on_the_secret_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        loaded = pool.map(lambda _: start.load(development(tmp_path)), range(64))
        assert len({one.secret_key for one in loaded}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "var"
    file.write_text("")
    with pytest.raises(SettingsError, match=f"The data folder {file} cannot be used"):
        start.load(development(file))


def development(data_dir: Path) -> dict[str, str]:
    """Real servers by URL, nothing else set: nothing is started."""
    names = ("DATABASE_URL", "PLATFORM_DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")
    return {name: PRODUCTION[name] for name in names} | {"DATA_DIR": str(data_dir)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHANGE_DELAY_DAYS", "0"),
        ("CHANGE_DELAY_DAYS", "366"),
        ("MIN_RETENTION_DAYS", "0"),
        ("OWN_EVENTS_DAYS", "399"),
        ("TREE_KEEP_YEARS", "1001"),
    ],
)
def test_safeguard_out_of_its_bounds_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be between"):
        settings.load(PRODUCTION | {name: value})


def test_safeguards_have_safe_defaults(tmp_path: Path) -> None:
    loaded = settings.load(PRODUCTION | {"DATA_DIR": str(tmp_path)})
    found = (loaded.change_delay_days, loaded.min_retention_days, loaded.own_events_days)
    assert found == (7, 30, 400)


def test_folder_of_the_databases_disk_must_be_absolute(tmp_path: Path) -> None:
    assert settings.load(PRODUCTION).database_disk is None
    loaded = settings.load(PRODUCTION | {"DATABASE_DISK": str(tmp_path)})
    assert loaded.database_disk == tmp_path
    with pytest.raises(SettingsError, match=r"^DATABASE_DISK must be a path that begins with /"):
        settings.load(PRODUCTION | {"DATABASE_DISK": "var/lib/postgresql"})


def test_folder_of_keys_is_an_address_of_a_file() -> None:
    assert settings.load(PRODUCTION).tree_keys is None
    loaded = settings.load(PRODUCTION | {"TREE_KEYS": "file:///srv/audit%20keys"})
    assert loaded.tree_keys == Path("/srv/audit keys")
    for wrong in ("/srv/keys", "s3://keys/here", "file://elsewhere/keys"):
        with pytest.raises(SettingsError, match=r"^TREE_KEYS must start with file:///"):
            settings.load(PRODUCTION | {"TREE_KEYS": wrong})


def test_traces_are_sent_only_where_the_exporter_is_named() -> None:
    assert not settings.load(PRODUCTION).traces
    assert not settings.load(PRODUCTION | {"OTEL_TRACES_EXPORTER": "none"}).traces
    assert settings.load(PRODUCTION | {"OTEL_TRACES_EXPORTER": "otlp"}).traces
    with pytest.raises(SettingsError, match=r"^OTEL_TRACES_EXPORTER must be otlp or none"):
        settings.load(PRODUCTION | {"OTEL_TRACES_EXPORTER": "zipkin"})


def test_traces_without_their_packages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(SettingsError, match=r"requirements/otel\.txt"):
        settings.load(PRODUCTION | {"OTEL_TRACES_EXPORTER": "otlp"})
