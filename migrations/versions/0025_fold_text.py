"""Compare text by one rule, whatever the server's version, locale and collations.

``fold_text`` gives text as it is compared: Unicode's compatibility forms composed (NFKC) and case
folded. ``lower()`` knows what the collation of its argument knows: under "C" nothing outside ASCII,
under Turkish ones another small letter for I. So letters are folded by the table below, which is
that of Unicode 17 for what normalising leaves; a collation that knows letters only goes before it,
as it is faster. The dotted and the dotless i of Turkish are one letter, as they are in ASCII.

Everything that is ASCII is told by its length and takes a microsecond. Elsewhere only the pieces
that are not ASCII are normalised, together with the letter before them, to which a mark may belong.
"""

from alembic import op
from sqlalchemy import text

revision = "0025"
down_revision = "0024"

# fmt: off
RUNS = (
    (0xC6, 0xC6, 1, 32), (0xD0, 0xD0, 1, 32), (0xD8, 0xD8, 1, 32), (0xDE, 0xDE, 1, 32),
    (0x110, 0x110, 1, 1), (0x126, 0x126, 1, 1), (0x131, 0x131, 1, -200), (0x141, 0x141, 1, 1),
    (0x14A, 0x14A, 1, 1), (0x152, 0x152, 1, 1), (0x166, 0x166, 1, 1), (0x181, 0x181, 1, 210),
    (0x182, 0x184, 2, 1), (0x186, 0x186, 1, 206), (0x187, 0x187, 1, 1), (0x189, 0x18A, 1, 205),
    (0x18B, 0x18B, 1, 1), (0x18E, 0x18E, 1, 79), (0x18F, 0x18F, 1, 202), (0x190, 0x190, 1, 203),
    (0x191, 0x191, 1, 1), (0x193, 0x193, 1, 205), (0x194, 0x194, 1, 207), (0x196, 0x196, 1, 211),
    (0x197, 0x197, 1, 209), (0x198, 0x198, 1, 1), (0x19C, 0x19C, 1, 211), (0x19D, 0x19D, 1, 213),
    (0x19F, 0x19F, 1, 214), (0x1A2, 0x1A4, 2, 1), (0x1A6, 0x1A6, 1, 218), (0x1A7, 0x1A7, 1, 1),
    (0x1A9, 0x1A9, 1, 218), (0x1AC, 0x1AC, 1, 1), (0x1AE, 0x1AE, 1, 218), (0x1B1, 0x1B2, 1, 217),
    (0x1B3, 0x1B5, 2, 1), (0x1B7, 0x1B7, 1, 219), (0x1B8, 0x1B8, 1, 1), (0x1BC, 0x1BC, 1, 1),
    (0x1E4, 0x1E4, 1, 1), (0x1F6, 0x1F6, 1, -97), (0x1F7, 0x1F7, 1, -56), (0x21C, 0x21C, 1, 1),
    (0x220, 0x220, 1, -130), (0x222, 0x224, 2, 1), (0x23A, 0x23A, 1, 10795), (0x23B, 0x23B, 1, 1),
    (0x23D, 0x23D, 1, -163), (0x23E, 0x23E, 1, 10792), (0x241, 0x241, 1, 1),
    (0x243, 0x243, 1, -195), (0x244, 0x244, 1, 69), (0x245, 0x245, 1, 71), (0x246, 0x24E, 2, 1),
    (0x345, 0x345, 1, 116), (0x370, 0x372, 2, 1), (0x376, 0x376, 1, 1), (0x37F, 0x37F, 1, 116),
    (0x391, 0x3A1, 1, 32), (0x3A3, 0x3A9, 1, 32), (0x3C2, 0x3C2, 1, 1), (0x3CF, 0x3CF, 1, 8),
    (0x3D8, 0x3EE, 2, 1), (0x3F7, 0x3F7, 1, 1), (0x3FA, 0x3FA, 1, 1), (0x3FD, 0x3FF, 1, -130),
    (0x402, 0x404, 2, 80), (0x405, 0x406, 1, 80), (0x408, 0x40B, 1, 80), (0x40F, 0x40F, 1, 80),
    (0x410, 0x418, 1, 32), (0x41A, 0x42F, 1, 32), (0x460, 0x474, 2, 1), (0x478, 0x480, 2, 1),
    (0x48A, 0x4BE, 2, 1), (0x4C0, 0x4C0, 1, 15), (0x4C3, 0x4CD, 2, 1), (0x4D4, 0x4D4, 1, 1),
    (0x4D8, 0x4D8, 1, 1), (0x4E0, 0x4E0, 1, 1), (0x4E8, 0x4E8, 1, 1), (0x4F6, 0x4F6, 1, 1),
    (0x4FA, 0x52E, 2, 1), (0x531, 0x556, 1, 48), (0x10A0, 0x10C5, 1, 7264),
    (0x10C7, 0x10C7, 1, 7264), (0x10CD, 0x10CD, 1, 7264), (0x13F8, 0x13FD, 1, -8),
    (0x1C80, 0x1C80, 1, -6222), (0x1C81, 0x1C81, 1, -6221), (0x1C82, 0x1C82, 1, -6212),
    (0x1C83, 0x1C84, 1, -6210), (0x1C85, 0x1C85, 1, -6211), (0x1C86, 0x1C86, 1, -6204),
    (0x1C87, 0x1C87, 1, -6180), (0x1C88, 0x1C88, 1, 35267), (0x1C89, 0x1C89, 1, 1),
    (0x1C90, 0x1CBA, 1, -3008), (0x1CBD, 0x1CBF, 1, -3008), (0x1E9E, 0x1E9E, 1, -7615),
    (0x1EFA, 0x1EFE, 2, 1), (0x2132, 0x2132, 1, 28), (0x2183, 0x2183, 1, 1),
    (0x2C00, 0x2C2F, 1, 48), (0x2C60, 0x2C60, 1, 1), (0x2C62, 0x2C62, 1, -10743),
    (0x2C63, 0x2C63, 1, -3814), (0x2C64, 0x2C64, 1, -10727), (0x2C67, 0x2C6B, 2, 1),
    (0x2C6D, 0x2C6D, 1, -10780), (0x2C6E, 0x2C6E, 1, -10749), (0x2C6F, 0x2C6F, 1, -10783),
    (0x2C70, 0x2C70, 1, -10782), (0x2C72, 0x2C72, 1, 1), (0x2C75, 0x2C75, 1, 1),
    (0x2C7E, 0x2C7F, 1, -10815), (0x2C80, 0x2CE2, 2, 1), (0x2CEB, 0x2CED, 2, 1),
    (0x2CF2, 0x2CF2, 1, 1), (0xA640, 0xA66C, 2, 1), (0xA680, 0xA69A, 2, 1), (0xA722, 0xA72E, 2, 1),
    (0xA732, 0xA76E, 2, 1), (0xA779, 0xA77B, 2, 1), (0xA77D, 0xA77D, 1, -35332),
    (0xA77E, 0xA786, 2, 1), (0xA78B, 0xA78B, 1, 1), (0xA78D, 0xA78D, 1, -42280),
    (0xA790, 0xA792, 2, 1), (0xA796, 0xA7A8, 2, 1), (0xA7AA, 0xA7AA, 1, -42308),
    (0xA7AB, 0xA7AB, 1, -42319), (0xA7AC, 0xA7AC, 1, -42315), (0xA7AD, 0xA7AD, 1, -42305),
    (0xA7AE, 0xA7AE, 1, -42308), (0xA7B0, 0xA7B0, 1, -42258), (0xA7B1, 0xA7B1, 1, -42282),
    (0xA7B2, 0xA7B2, 1, -42261), (0xA7B3, 0xA7B3, 1, 928), (0xA7B4, 0xA7C2, 2, 1),
    (0xA7C4, 0xA7C4, 1, -48), (0xA7C5, 0xA7C5, 1, -42307), (0xA7C6, 0xA7C6, 1, -35384),
    (0xA7C7, 0xA7C9, 2, 1), (0xA7CB, 0xA7CB, 1, -42343), (0xA7CC, 0xA7DA, 2, 1),
    (0xA7DC, 0xA7DC, 1, -42561), (0xA7F5, 0xA7F5, 1, 1), (0xAB70, 0xABBF, 1, -38864),
    (0x10400, 0x10427, 1, 40), (0x104B0, 0x104D3, 1, 40), (0x10570, 0x1057A, 1, 39),
    (0x1057C, 0x1058A, 1, 39), (0x1058C, 0x10592, 1, 39), (0x10594, 0x10595, 1, 39),
    (0x10C80, 0x10CB2, 1, 64), (0x10D50, 0x10D65, 1, 32), (0x118A0, 0x118BF, 1, 32),
    (0x16E40, 0x16E5F, 1, 32), (0x16EA0, 0x16EB8, 1, 27), (0x1E900, 0x1E921, 1, 34),
)
# fmt: on
"""Capitals and other letters that fold to one: first, last, step, and how far the folded one is."""

FOLDED = {chr(code): chr(code + far) for a, b, step, far in RUNS for code in range(a, b + 1, step)}
"""By letter; translate() goes through it letter by letter, so the usual alphabets come first."""

USUAL = "abcdefghijklmnopqrstuvwxyzабвгдежзиклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρστυφχψω"
GREEK_AND_CYRILLIC = range(0x391, 0x430)
RANKED = sorted(FOLDED, key=lambda letter: ord(letter) not in GREEK_AND_CYRILLIC)
LETTERS = USUAL + "".join(RANKED)
FOLDS = USUAL + "".join(FOLDED[letter] for letter in RANKED)

PIECE = r"[\x01-\x7f]?[^\x01-\x7f]+(?:[\x01-\x7f]{1,3}[^\x01-\x7f]+)*"

FOLD_TEXT = """
CREATE FUNCTION fold_text(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    between text[];
    piece text COLLATE "C";
    folded text COLLATE "C";
    n int := 1;
BEGIN
    IF octet_length(given) = length(given) THEN
        RETURN lower(given COLLATE "C");
    END IF;
    between := regexp_split_to_array(lower(given COLLATE "C"), '{piece}');
    folded := between[1];
    FOR piece IN SELECT (regexp_matches(given COLLATE "C", '{piece}', 'g'))[1] LOOP
        piece := lower(lower(normalize(piece, NFKD) COLLATE "C") COLLATE "{faster}");
        IF piece ~ '[{letters}ß]' THEN
            piece := replace(translate(piece, '{from}', '{to}'), 'ß', 'ss');
        END IF;
        IF strpos(piece, U&'i\\0307') > 0 THEN
            piece := regexp_replace(piece, U&'i\\0307+', 'i', 'g');
        END IF;
        n := n + 1;
        folded := folded || normalize(piece, NFKC) || between[n];
    END LOOP;
    RETURN folded;
END
$$
"""

# What is a quote or a backslash only once it is normalised is escaped as those are in JSON.
FOLD_JSON = r"""
CREATE FUNCTION fold_json(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF octet_length(given) = length(given) THEN
        RETURN lower(given COLLATE "C");
    END IF;
    RETURN fold_text(replace(replace(replace(given, '＂', '\"'), '＼', '\\'), '﹨', '\\'));
END
$$
"""

KNOWS_LETTERS = text("SELECT lower('É' COLLATE \"default\") = 'é'")
COLLATIONS = text("SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu')")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    values = {
        "piece": PIECE,
        "faster": faster_collation(),
        "letters": "".join(FOLDED),
        "from": LETTERS,
        "to": FOLDS,
    }
    op.execute(FOLD_TEXT.format(**values))
    op.execute(FOLD_JSON)


def faster_collation() -> str:
    """Find a collation that lowers most letters at once; "C" leaves all of them to the table."""
    connection = op.get_bind()
    if connection.scalar(KNOWS_LETTERS):
        return "default"
    return next(iter(sorted(connection.scalars(COLLATIONS))), "C")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP FUNCTION fold_json(text), fold_text(text)")
