"""The reader of pages hides what a browser hides, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.markup import squeezed


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('<td\n  class="end"\n>\n  3\n</td>\n', '<td class="end">3</td>'),
        ("<b>a</b>\n  <b>b</b>", "<b>a</b> <b>b</b>"),
        ("<b>a</b><b>b</b>", "<b>a</b><b>b</b>"),
        ("<button>\n  Go\n</button>\n<a>x</a>", "<button>Go</button> <a>x</a>"),
        ("<p>two\n  words</p>", "<p>two words</p>"),
        ("<pre>\n  a\n b </pre>", "<pre>\n  a\n b </pre>"),
        ('<input value="a  b"  required >', '<input value="a  b" required>'),
    ],
    ids=["block", "inline apart", "inline together", "button", "words", "pre", "attributes"],
)
def test_white_space_is_left_out_only_where_no_browser_shows_it(sent: str, read: str) -> None:
    assert squeezed(sent) == read
