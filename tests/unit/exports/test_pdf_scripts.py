"""A report shows every letter, or says which it cannot: looked up in the glyphs that it draws."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pypdf
import pytest
from sqlalchemy import Engine

from auditsaas.exports.writers.pdf.layout import FONT_SIZE, LEFT
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_workspace
from tests.support.glyphs import drawn, starts
from tests.support.serving import environment

pytestmark = pytest.mark.slow

Report = Callable[..., bytes]

NAMES = {
    "Latin": "Łukasz Żółć",
    "Greek": "Ελένη Παππά",
    "Cyrillic": "Иван Петров",
    "Armenian": "Արամ Հակոբյան",
    "Georgian": "ნინო ბერიძე",
    "Hebrew": "אבי כהן",
    "Arabic": "محمد علي",
    "Urdu": "اردو ٹیسٹ",
    "Ethiopic": "አበበ በቀለ",
    "Devanagari": "अंजलि शर्मा",
    "Bengali": "মিতা রায়",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "Gujarati": "ગીતા પટેલ",
    "Odia": "ଓଡ଼ିଆ",
    "Tamil": "தமிழ் செல்வி",
    "Telugu": "లక్ష్మి రెడ్డి",
    "Kannada": "ಕನ್ನಡ ರಾವ್",
    "Malayalam": "മലയാളം നായർ",
    "Sinhala": "සිංහල පෙරේරා",
    "Thai": "สมชาย ใจดี",
    "Lao": "ສົມພອນ",
    "Khmer": "សុខា ចាន់",
    "Burmese": "ကျော်စွာ",
    "Tibetan": "བཀྲ་ཤིས",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ",
    "Chinese": "王小明 𠮷野",
    "Japanese": "山田たろう",
    "Korean": "김민수",
    "Cherokee": "ᏣᎳᎩ",
    "symbols": "→ ☃ ✓ ∑ ♜",
    "mathematical": "𝔘𝔫𝔦",
    "combining": "e\u0301 n\u0303 q\u0307",
}
UNASSIGNED = "\u0378"
PRIVATE = "\U000fabcd"


@pytest.fixture
def workspace(engine: Engine) -> Workspace:
    return make_workspace("Halden Freight")


@pytest.fixture
def only_inter(tmp_path: Path) -> Path:
    """A configuration of fontconfig that knows no font, so that the packaged one is alone."""
    path = tmp_path / "fonts.conf"
    path.write_text(f"<fontconfig><cachedir>{tmp_path}</cachedir></fontconfig>")
    return path


@pytest.fixture
def report(settings: Settings, workspace: Workspace, tmp_path: Path) -> Report:
    """A PDF of events by these people, made by a process of its own: fonts are looked up once."""

    def made(names: Iterable[str], fonts: Path | None = None) -> bytes:
        append_events(workspace, [event_input(actor={"id": "u", "name": name}) for name in names])
        environ = {**os.environ, **environment(settings)}
        if fonts is not None:
            environ["FONTCONFIG_FILE"] = str(fonts)
        target = tmp_path / "report.pdf"
        program = "from auditsaas.cli import main; main()"
        command = ["export", workspace.slug, "--format", "pdf", "-o", str(target)]
        run = subprocess.run(
            [sys.executable, "-c", program, *command], env=environ, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return target.read_bytes()

    return made


def cover_of(content: bytes) -> str:
    return " ".join(pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text().split())


def test_a_letter_of_every_script_is_drawn(report: Report) -> None:
    content = report(NAMES.values())
    shown = drawn(content)
    assert shown.boxes == []
    assert shown.letters > 1_000
    assert "code point" not in cover_of(content)


def test_emoji_are_drawn_as_pictures(report: Report) -> None:
    emoji = [
        "\U0001f600",
        "\U0001f469\u200d\U0001f4bb",
        "\U0001f1e9\U0001f1ea",
        "\U0001f44d\U0001f3fd",
    ]
    shown = drawn(report(emoji))
    assert shown.boxes == []
    assert shown.pictures == len(emoji)


def test_letters_without_a_font_are_printed_as_code_points_and_counted(
    report: Report, only_inter: Path
) -> None:
    content = report(NAMES.values(), only_inter)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    printed = re.findall(r"‹U\+[0-9A-F]{4,6}›", text.replace("\n", ""))
    assert drawn(content).boxes == []
    assert "‹U+0418›‹U+0432›" in text  # Ив
    cover = cover_of(content)
    counted = re.search(r"([\d,]+) characters that no font here has are printed as code", cover)
    assert counted is not None
    assert int(counted[1].replace(",", "")) == len(printed) - 1  # the example


@pytest.mark.parametrize("character", [UNASSIGNED, PRIVATE])
def test_character_without_a_font_is_shown_by_its_code_point(
    report: Report, character: str
) -> None:
    content = report([f"a{character}b"])
    assert drawn(content).boxes == []
    assert f"a‹U+{ord(character):04X}›b" in cover_of(content)
    assert "1 character that no font here has is printed as its code point" in cover_of(content)


def test_a_code_point_that_was_sent_as_text_is_not_counted(report: Report) -> None:
    cover = cover_of(report(["‹U+1F9FF›"]))
    assert "‹U+1F9FF›" in cover
    assert "no font here" not in cover


def test_rows_stay_beside_each_other_under_taller_letters(report: Report) -> None:
    """Each column is a block of lines: one that grew would move its texts to other events."""
    found = 0
    for texts in starts(report([*NAMES.values()] * 2)):
        times = [text.top for text in texts if text.left == LEFT and text.size == FONT_SIZE]
        names = [text.top for text in texts if "Noto" in text.font]
        assert all(min(abs(time - name) for time in times) < 0.5 for name in names)
        found += len(names)
    assert found > len(NAMES)
