import contextlib
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditsaas.events.search.parser import (
    QueryError,
    Term,
    describe,
    number_range,
    parse,
    part_at,
    suggest,
    unparse,
)
from tests.support.cases import cases

PIECES = [
    "activity:", "status:", "method:", "ip:", "ms:", "code:", "user:", "meta.", "meta.a.b:", "has:",
    "platform:", "path:", "browser:", "-", "--", '"', '\\"', "\\", " ", "\t", ",", ":", ">", ">=",
    "<", "..", "*", "user.*", "success", "ERROR", "post", "10.0.0.0/8", "2001:db8::1", "500",
    "1.5", "4xx", "a", "é", "\x00", "\ud800", "https://a.example/", "foo:", "linux", "changes",
]  # fmt: skip
query_like = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
queries = st.one_of(query_like, st.text(max_size=80))

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip())
)
texts = st.builds(
    lambda negated, word: Term(negated, None, (word,), "=", 0, 0, quoted=True), st.booleans(), words
)
keyed = st.builds(
    lambda negated, key, values: Term(negated, key, tuple(values), "=", 0, 0, quoted=True),
    st.booleans(),
    st.sampled_from(["user", "target", "request", "browser", "meta.plan", "meta.a.B_c"]),
    st.lists(words, min_size=1, max_size=4, unique=True),
)
numbers = st.builds(
    lambda negated, op, value: Term(negated, "ms", (str(value),), op, 0, 0),
    st.booleans(),
    st.sampled_from(["=", ">", ">=", "<", "<="]),
    st.integers(0, 86_400_000),
)


def placeless(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(replace(term, start=0, end=0) for term in terms)


def only(text: str) -> Term:
    (term,) = parse(text)
    return term


def refusal(text: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text)
    return caught.value


@settings(max_examples=cases(200))
@given(queries)
@example('user:"' + '\\"' * 900)
def test_any_text_parses_or_gives_an_error_with_its_position(text: str) -> None:
    places, words = understood(text)
    assert all(0 <= start <= end <= len(text) for start, end in places)
    assert all(words)


def understood(text: str) -> tuple[list[tuple[int, int]], list[str]]:
    """The places of the terms, or of the error, and what is said of each."""
    try:
        terms = parse(text)
    except QueryError as error:
        return [(error.start, error.end)], [error.message]
    return [(term.start, term.end) for term in terms], [describe(term) for term in terms]


@settings(max_examples=cases(100))
@given(queries)
def test_parsed_query_round_trips_through_text(text: str) -> None:
    with contextlib.suppress(QueryError):
        terms = parse(text)
        assert placeless(parse(unparse(terms))) == placeless(terms)


@given(st.lists(st.one_of(texts, keyed, numbers), max_size=8))
def test_generated_terms_parse_to_themselves(terms: list[Term]) -> None:
    assert placeless(parse(unparse(terms))) == tuple(terms)


@given(st.booleans(), st.sampled_from([None, "user", "meta.plan"]), words)
def test_value_is_quoted_if_needed(negated: bool, key: str | None, value: str) -> None:
    term = Term(negated, key, (value,), "=", 0, 0)
    (read,) = parse(unparse([term]))
    assert (read.negated, read.key, read.values) == (negated, key, (value,))


@given(queries, st.integers(-3, 200))
def test_suggestions_are_given_at_any_cursor_of_any_text(text: str, cursor: int) -> None:
    for suggestion in suggest(text, cursor):
        assert 0 <= suggestion.start <= suggestion.end <= len(text)


def test_contract_example_parses() -> None:
    terms = parse(
        'activity:user.* -status:success ip:10.0.0.0/8 user:"Ann Lee" method:POST,PUT ms:>500 '
        'platform:linux target:inv_42 request:r1 meta.plan:pro "exact words"'
    )
    assert [(term.negated, term.key, term.op, term.values) for term in terms] == [
        (False, "activity", "=", ("user.*",)),
        (True, "status", "=", ("success",)),
        (False, "ip", "=", ("10.0.0.0/8",)),
        (False, "user", "=", ("Ann Lee",)),
        (False, "method", "=", ("POST", "PUT")),
        (False, "ms", ">", ("500",)),
        (False, "platform", "=", ("Linux",)),
        (False, "target", "=", ("inv_42",)),
        (False, "request", "=", ("r1",)),
        (False, "meta.plan", "=", ("pro",)),
        (False, None, "=", ("exact words",)),
    ]


def test_term_has_its_position_in_the_text() -> None:
    text = '  word  -user:"Ann Lee",bob '
    assert [text[term.start : term.end] for term in parse(text)] == ["word", '-user:"Ann Lee",bob']


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_a_blank_query_has_no_terms(text: str) -> None:
    assert parse(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "12:30",
        "https://a.example/b?c=d",
        "2001:db8::1",
        "fe80::1",
        "a,b",
        "user.login",
        "50%",
        "x-y",
    ],
)
def test_words_with_punctuation_are_words(text: str) -> None:
    assert only(text).key is None
    assert only(text).values == (text,)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("STATUS:Error", "error"),
        ("method:patch", "PATCH"),
        ("method:Brew", "Brew"),
        ("platform:macos", "macOS"),
        ("user_status:DISABLED", "disabled"),
        ("ip:10.1.2.3/8", "10.0.0.0/8"),
        ("ip:2001:DB8::0:1", "2001:db8::1"),
        ("ip:::ffff:203.0.113.9/120", "203.0.113.0/24"),
        ("ip:::ffff:203.0.113.9/128", "203.0.113.9/32"),
        ("ip:::ffff:0:0/96", "0.0.0.0/0"),
        ("ip:::/64", "::/64"),
        ("has:Changes", "changes"),
        ("code:4XX", "4xx"),
        (r'user:"Ann \"Bo\" \\Lee"', r'Ann "Bo" \Lee'),
        ('activity:"user.login"', "user.login"),
    ],
)
def test_fixed_values_are_normalised_to_the_spelling_in_events(text: str, value: str) -> None:
    assert only(text).values == (value,)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [("500", 500, 500), ("100..500", 100, 500), ("4xx", 400, 499), ("1.5", 1.5, 1.5)],
)
def test_numbers_and_ranges_are_read(value: str, low: float, high: float) -> None:
    assert number_range(value) == (low, high)


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("activty:x", "Unknown key 'activty'. Did you mean activity?", "activity:x"),
        ("-email:x", "Unknown key 'email'. Did you mean user?", "-user:x"),
        ("foo:bar", "Unknown key 'foo'. Put the term in quotes to search for it", None),
        ("meta:pro", "meta needs the name of a field, such as meta.plan:pro", None),
        ("status:foo", "Status is success or error, not “foo”", None),
        ("has:it", "What an event has is changes, metadata or targets, not “it”", None),
        ('user:"Ann', "The quote is not closed", 'user:"Ann"'),
        ("user:", "User needs a value right after user:", None),
        ("user:a,,b", "User needs a value right after user:", None),
        ("user: ann", "User needs a value right after user:", None),
        ('user:""', "There is nothing between the quotes", None),
        ('"a b"c', "A space must follow the closing quote", None),
        ('ab"c d"', "A quote belongs before the first character of a value", None),
        ("-", "Nothing follows the -", None),
        (
            "ip:1.2.3",
            "“1.2.3” is not an IP address or a network such as 10.0.0.0/8",
            None,
        ),
        (
            "ip:::ffff:203.0.113.0/80",
            (
                "“::ffff:203.0.113.0/80” holds more than IPv4 addresses: after ::ffff: the length"
                " is /96 to /128. Write an IPv4 network, such as 203.0.113.0/24"
            ),
            None,
        ),
        (
            "ms:fast",
            "Response time is a number of milliseconds such as >500 or 100..500, not “fast”",
            None,
        ),
        ("ms:>1,2", "Response time is compared with one number", None),
        ("ms:>100..200", "Response time is compared with one number", None),
        ("ms:500..100", "The range “500..100” ends before it starts", None),
        ("code:99", "Status code is such as 404, 4xx or >=500, not “99”", None),
        ("activity:us*er", "A * may only end a value: “us*er”", None),
        ("method:a/b", "Method is a word such as POST, not “a/b”", None),
        ("a\x00b", "The search holds a character that no event can have", None),
    ],
)
def test_invalid_term_is_refused_with_advice(
    text: str, message: str, suggestion: str | None
) -> None:
    error = refusal(text)
    assert (error.message, error.suggestion) == (message, suggestion)


def test_invalid_term_is_reported_with_its_position() -> None:
    text = "good activty:x good"
    error = refusal(text)
    assert text[error.start : error.end] == error.term == "activty:x"


def test_query_over_2000_characters_or_50_terms_is_refused() -> None:
    parse(" ".join(["x" * 39] * 50))
    assert "2,000 characters" in refusal("x " * 1001).message
    assert "50 terms" in refusal("x " * 51).message
    assert "512 characters" in refusal("x" * 513).message
    assert "100 values" in refusal("user:" + ",".join(map(str, range(101)))).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ip:10.0.0.0/8", "IP address is in 10.0.0.0/8"),
        ("ip:10.0.0.1,10.0.0.0/8", "IP address is 10.0.0.1 or is in 10.0.0.0/8"),
        ("-status:success", "Status is not Success"),
        ("user_status:disabled", "User status is Disabled"),
        ('"exact words"', "contains “exact words”"),
        ("-word", "does not contain “word”"),
        (
            "activity:a.*,user.login,user.logout",
            "Activity type starts with a. or is Sign in or Sign out",
        ),
        ("-activity:a.*,user.login", "Activity type does not start with a. and is not Sign in"),
        ("method:POST,PUT,PATCH", "HTTP method is POST, PUT or PATCH"),
        ("ms:>1500", "Response time is over 1,500 ms"),
        ("ms:<=1.5", "Response time is at most 1.5 ms"),
        ("ms:100..2000", "Response time is between 100 and 2,000 ms"),
        ("-ms:>=5", "Response time is not at least 5 ms"),
        ("code:4xx,500", "Status code is 4xx or 500"),
        ("meta.plan:pro", "Metadata plan is pro"),
        ("has:changes", "Has changes"),
        ("-has:targets", "Has no targets"),
        ("browser:Chrome", "Browser starts with Chrome"),
    ],
)
def test_term_is_described_in_words(text: str, words: str) -> None:
    assert describe(only(text)) == words


def offered(text: str, cursor: int | None = None) -> list[str]:
    return [item.text for item in suggest(text, len(text) if cursor is None else cursor)]


def test_keys_are_suggested_for_a_prefix() -> None:
    assert offered("stat") == ["status:"]
    assert offered("-sta") == ["status:"]
    assert "meta." in offered("me")


def test_every_key_is_suggested_for_an_empty_query() -> None:
    assert offered("")[:3] == ["activity:", "status:", "method:"]


def test_fixed_values_are_suggested_after_their_key() -> None:
    assert offered("status:") == ["success", "error"]
    assert offered("method:P") == ["POST", "PUT", "PATCH"]
    assert offered("method:POST,P") == ["POST", "PUT", "PATCH"]
    assert offered("platform:m") == ["macOS"]
    assert offered("ms:") == [">", ">=", "<", "<="]


def test_fixed_value_is_suggested_with_its_key_for_a_word() -> None:
    assert offered("err") == ["status:error"]


def test_suggestion_replaces_the_term_at_the_cursor() -> None:
    text = "word method:POST,P more"
    suggestion = suggest(text, 18)[1]
    assert text[: suggestion.start] + suggestion.text + text[suggestion.end :] == (
        "word method:POST,PUT more"
    )


def test_overlong_query_gets_no_suggestions() -> None:
    assert suggest('\\"' * 50_000, 99_999) == []


def test_value_position_is_found_inside_quotes() -> None:
    text = 'user:bob,"Ann L'
    place = part_at(text, len(text))
    assert (place.key, place.prefix, text[place.start : place.end]) == ("user", "Ann L", '"Ann L')
