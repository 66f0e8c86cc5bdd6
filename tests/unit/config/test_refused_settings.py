"""Weak settings that production refuses, and those beside them that it takes."""

from __future__ import annotations

import secrets

import pytest

from config import refusals
from tests.unit.config.test_settings import PRODUCTION

KEY = "SECRET_KEY"
TOKEN = "METRICS_TOKEN"
DATABASE = "DATABASE_URL"
WITH_TLS = {
    name: f"postgresql://{name[:3].lower()}:x@db.example.com/audit?sslmode=verify-full"
    for name in refusals.DATABASES
}


def refused(**given: str) -> str:
    return refusals.refusal(PRODUCTION | WITH_TLS | {"PRIVATE_HOSTS": ""} | given) or ""


def database(rest: str) -> str:
    return f"postgresql://dat:x@{rest}"


@pytest.mark.parametrize(
    ("name", "secret", "words"),
    [
        (KEY, "abcdefghij" * 4, "repeats a pattern"),
        (KEY, "0123456789abcdefghijklmnopqrstuvwxyz", "counts up or down"),
        (KEY, "zyxwvutsrqponmlkjihgfedcba9876543210", "counts up or down"),
        (KEY, "x7Kq2mV9tR4wZ8" * 3, "repeats a pattern"),
        (KEY, "x7Kq2mV9tR4wZ8" * 2 + "x7Kq2m", "repeats a pattern"),
        (KEY, "a" * 50 + "bcdefghijk", "counts up or down"),
        (KEY, "ab" * 20, "repeats a few characters"),
        (KEY, "Change-Me-x7Kq2mV9tR4wZ8x0c1v2b3n4m", "holds the word changeme"),
        (KEY, "my-secret_key-x7Kq2mV9tR4wZ8x0c1v2", "holds the word secretkey"),
        (TOKEN, "a" * 16, "repeats a few characters"),
        (TOKEN, "k3J9" * 8, "repeats a pattern"),
        (TOKEN, "abcdefghijklmnopqrst", "counts up or down"),
        (TOKEN, "password-password-password", "holds the word password"),
    ],
)
def test_secret_that_can_be_guessed_is_refused_with_its_cure(
    name: str, secret: str, words: str
) -> None:
    sentence = refused(**{name: secret})
    assert sentence.startswith(f"{name} {words}; make it with: openssl rand -hex 32")
    assert secret not in sentence


@pytest.mark.parametrize("length", [16, 24, 32, 48])
def test_secret_made_by_chance_is_taken(length: int) -> None:
    for _ in range(200):
        assert refused(**{KEY: secrets.token_hex(length), TOKEN: secrets.token_hex(8)}) == ""
        assert refused(**{KEY: secrets.token_urlsafe(24), TOKEN: secrets.token_urlsafe(12)}) == ""


def test_weak_key_may_be_a_fallback_while_it_is_changed() -> None:
    assert refused(SECRET_KEY_FALLBACKS="abcdefghij" * 4) == ""
    assert "SECRET_KEY_FALLBACKS still holds" in refused(SECRET_KEY_FALLBACKS="replace-me")


@pytest.mark.parametrize(
    "address", ["user:pw@audit.example.com", "user@audit.example.com", "@audit.example.com"]
)
def test_address_with_credentials_is_refused(address: str) -> None:
    sentence = refused(BASE_URL=f"https://{address}")
    assert sentence.startswith("BASE_URL must hold no user and no password")
    assert "pw" not in sentence


@pytest.mark.parametrize("name", [*refusals.DATABASES, refusals.REPLICA])
@pytest.mark.parametrize("query", ["", "?sslmode=prefer", "?sslmode=disable", "?sslmode=allow"])
def test_database_elsewhere_without_tls_is_refused_by_name(name: str, query: str) -> None:
    role = "dat" if name == refusals.REPLICA else name[:3].lower()
    url = f"postgresql://{role}:x@other.example.com/audit{query}"
    assert refused(**{name: url}).startswith(f"{name} reaches other.example.com without TLS")


@pytest.mark.parametrize(
    "rest",
    [
        "10.0.0.5:5432/audit",
        "[2001:db8::1]:5432/audit",
        "/audit?host=other.example.com",
        "localhost,other.example.com/audit",
    ],
)
def test_database_elsewhere_is_recognised_however_it_is_written(rest: str) -> None:
    assert "without TLS" in refused(DATABASE_URL=database(rest))


@pytest.mark.parametrize(
    "rest",
    [
        "db.example.com/audit?sslmode=require",
        "db.example.com/audit?sslmode=verify-ca",
        "db.example.com/audit?gssencmode=require",
        "127.0.0.1:5432/audit",
        "localhost/audit",
        "[::1]/audit",
        "/audit?host=/run/postgresql",
        "/audit",
    ],
)
def test_encrypted_or_local_database_is_taken(rest: str) -> None:
    assert refused(DATABASE_URL=database(rest)) == ""


def test_mode_of_the_environment_counts_where_the_url_says_none() -> None:
    plain = database("db.example.com/audit")
    assert refused(DATABASE_URL=plain, PGSSLMODE="verify-full") == ""
    assert refused(DATABASE_URL=f"{plain}?sslmode=disable", PGSSLMODE="verify-full") != ""
    assert "far.example.com" in refused(DATABASE_URL=database("/audit"), PGHOST="far.example.com")


def test_private_host_may_do_without_tls_and_no_other() -> None:
    plain = database("db/audit")
    assert refused(DATABASE_URL=plain, PRIVATE_HOSTS="replica, DB") == ""
    assert "PRIVATE_HOSTS" in refused(DATABASE_URL=plain, PRIVATE_HOSTS="replica")


@pytest.mark.parametrize("url", ["redis://queue:6379/0", "rediss://queue", "redis://user@10.0.0.5"])
def test_redis_elsewhere_without_a_password_is_refused(url: str) -> None:
    sentence = refused(REDIS_URL=url, PRIVATE_HOSTS="queue,10.0.0.5")
    assert sentence.startswith("REDIS_URL reaches ")
    assert "requirepass" in sentence


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pw@queue",
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        "redis://[::1]:6379",
        "unix:///run/redis/redis.sock",
        "rediss://queue?ssl_certfile=/etc/ssl/audit.pem",
    ],
)
def test_redis_with_a_password_or_on_this_machine_is_taken(url: str) -> None:
    assert refused(REDIS_URL=url) == ""


@pytest.mark.parametrize(
    "url", ["smtp://mail:1025", "smtp://mailpit.internal:25", "smtp+starttls://u:p@MailHog"]
)
def test_mail_catcher_is_refused_unless_it_is_meant(url: str) -> None:
    assert "names a mail catcher" in refused(SMTP_URL=url)
    assert refused(SMTP_URL=url, MAIL_CATCHER="1") == ""
    assert refused(SMTP_URL="smtp+starttls://u:p@mail.example.com:587") == ""


@pytest.mark.parametrize("name", ["BASE_URL", "REDIS_URL", DATABASE, "SMTP_URL"])
def test_address_that_cannot_be_read_ends_in_no_traceback(name: str) -> None:
    assert isinstance(refused(**{name: "https://[broken"}), str)
