import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.writing.useragent import PLATFORMS, derive

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/27.0"


@pytest.mark.parametrize(
    ("user_agent", "platform", "browser"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36",
            "Windows",
            "Chrome 156",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/156.0.0.0",
            "Windows",
            "Edge 156",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Safari/605.1.15",
            "macOS",
            "Safari 27",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {WEBKIT} Mobile/15E148",
            "iOS",
            "Safari 27",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36",
            "Android",
            "Chrome 156",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
            "Linux",
            "Firefox 153",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36",
            "ChromeOS",
            "Chrome 156",
        ),
        ("python-httpx/0.28.1", "Other", "python-httpx 0.28"),
        ("python-requests/2.32.3", "Other", "Python Requests 2.32"),
        ("curl/8.5.0", "Other", "curl 8.5"),
        ("aws-cli/2.11.0 Python/3.11.2 Linux/5.10 exe/x86_64", "Linux", "aws-cli 2.11"),
        ("[aws-cli/2.11.0 Python/3.11.2]", "Other", "aws-cli 2.11"),
        ("kubectl/v1.27.3 (darwin/arm64) kubernetes/abcdef", "macOS", "kubectl 1.27"),
        ("acme-sync/2 (windows; amd64)", "Windows", "acme-sync 2"),
        ("AWS Internal", "Other", "AWS"),
        ("Mozilla/5.0", "Other", ""),
        ("-", "Other", ""),
        ("", "Other", ""),
        (None, "Other", ""),
    ],
)
def test_platform_and_browser_are_derived(
    user_agent: str | None, platform: str, browser: str
) -> None:
    assert derive(user_agent) == (platform, browser)


def test_only_the_first_2048_characters_count() -> None:
    assert derive("x" * 2048 + " (Windows NT 10.0)") == derive("x" * 2048)


@pytest.mark.parametrize("user_agent", ["A" * 900 + "/" + "1" * 900, "curl/" + "1" * 2000])
def test_overlong_client_name_is_shortened(user_agent: str) -> None:
    assert len(derive(user_agent)[1]) <= 64


@given(st.text(max_size=300))
def test_any_text_has_a_platform_and_a_short_browser(user_agent: str) -> None:
    platform, browser = derive(user_agent)
    assert platform in PLATFORMS
    assert len(browser) <= 64
