"""What people read does nothing: no line breaks, no terminal escapes, no change of direction."""

import unicodedata

import pytest
from hostile_names import HOSTILE_NAMES

from xgamma.tables.printable import one_line, printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x00\x7f\x85", r"\x00\x7f\x85"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\u2028\u2029\ufeff\u200b", r"\u2028\u2029\ufeff\u200b"),
        ("\ud800", r"\ud800"),
        ("\ue000", r"\ue000"),
        ("\U000e0041", r"\U000e0041"),
        ("a\xa0b", r"a\xa0b"),
    ],
)
def test_what_does_not_print_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "4FGL J0534.5+2201c", "a  b ", "Ψ Cas ☆ é e\u0301", "<b>&'\"\\n", "🔭", "星"]
)
def test_what_prints_stays_as_it_is(text):
    assert printable(text) is text


def test_no_character_of_the_harmful_categories_comes_through():
    """Controls, formats, surrogates, private use, line and paragraph separators: all of them."""
    harmful = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    ]
    assert len(harmful) > 100_000
    assert printable("".join(harmful)).isascii()


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:20])
def test_hostile_names_are_one_short_line(name):
    for shown in (shortened(name, 60), shortened(one_line(name), 60)):
        assert len(shown) <= 60
        assert len(shown.splitlines()) <= 1 and shown.isprintable()


def test_a_cut_is_seen():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"
    # as long as it is shown, not as it came
    assert shortened("\x00\x00", 6) == r"\x00\…"


def test_a_message_is_one_line():
    assert one_line(" one\n  two\r\n\tthree\u2028four ") == "one two three four"
    assert one_line(ValueError("a\x1b[2J\nb")) == r"a\x1b[2J b"
