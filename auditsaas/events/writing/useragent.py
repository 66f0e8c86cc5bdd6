"""Derives platform and browser or client from a user agent."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ua_parser import OS, Parser, UserAgent

PLATFORMS = ("Windows", "macOS", "Linux", "iOS", "Android", "ChromeOS", "Other")

LONGEST = 2048
LONGEST_BROWSER = 64
UNKNOWN = ("Other", "")

_PLATFORM_OF = {
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "iOS": "iOS",
    "Android": "Android",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Kubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "CentOS": "Linux",
    "Red Hat": "Linux",
    "SUSE": "Linux",
    "Gentoo": "Linux",
    "Arch Linux": "Linux",
    "Linux Mint": "Linux",
    "Mandriva": "Linux",
    "Slackware": "Linux",
    "Windows": "Windows",
    "Chrome OS": "ChromeOS",
    "Windows Phone": "Windows",
    "Windows Mobile": "Windows",
}
# How Go, Rust and Node tools name what they run on, which the parser does not know.
_PLATFORM_WORD = re.compile(r"\b(?:(darwin|macos)|(windows|win32|win64)|(linux))\b", re.IGNORECASE)
_WORD_PLATFORMS = ("macOS", "Windows", "Linux")
# The platform stands beside the browser, so the name need not say that it is the mobile one.
_PLAIN_NAME = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
}
# RFC 9110, section 10.1.5: product = token ["/" product-version].
_PRODUCT = re.compile(
    r"[\[( ]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})(?:/v?(?P<version>[0-9]+(?:\.[0-9]+)?))?"
)


def derive(user_agent: str | None) -> tuple[str, str]:
    """Derive the platform (one of PLATFORMS) and the browser, as "Chrome 156" or "curl 8.5".

    Browsers are told by their major version, other clients by two parts of it; the browser is
    empty where nothing is known, and 64 characters at most. Only the first 2,048 characters count.
    """
    return _derive(user_agent[:LONGEST]) if user_agent else UNKNOWN


@lru_cache(maxsize=10_000)
def _derive(user_agent: str) -> tuple[str, str]:
    from ua_parser import Domain

    found = _parser()(user_agent, Domain.USER_AGENT | Domain.OS)
    return _platform(found.os, user_agent), _browser(found.user_agent, user_agent)[:LONGEST_BROWSER]


@cache
def _parser() -> Parser:
    """Load the parser and its expressions, with the first user agent."""
    from ua_parser import Parser
    from ua_parser.loaders import load_builtins
    from ua_parser.regex import Resolver

    return Parser(Resolver(load_builtins()))


def _platform(system: OS | None, user_agent: str) -> str:
    if system is not None:
        return _PLATFORM_OF.get(system.family, "Other")
    word = _PLATFORM_WORD.search(user_agent)
    return _WORD_PLATFORMS[(word.lastindex or 1) - 1] if word else "Other"


def _browser(agent: UserAgent | None, user_agent: str) -> str:
    is_browser = user_agent.startswith(("Mozilla/", "Opera/", "Dalvik/"))
    if agent is not None:
        version = [agent.major] if is_browser else [agent.major, agent.minor]
        name = _PLAIN_NAME.get(agent.family, agent.family)
        return f"{name} {'.'.join(part for part in version if part)}".rstrip()
    product = None if is_browser else _PRODUCT.match(user_agent)
    if product is None or product["name"] == "-":
        return ""
    return f"{product['name']} {product['version'] or ''}".rstrip()
