"""Prepares a stranger's free text for a reader, and the reader's words for our records.

Invariant: what leaves here names nobody whom we know by name, holds no address, number or link, and no token
that a model takes for the end of its data.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 6000
_MIN_NAME = 3  # shorter private values would mask ordinary words

_TAG = re.compile(r"<!--.*?-->|<[^>]{0,500}>", re.S)
_SPECIAL = re.compile(r"<\|[^|<>]{0,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|\u2581", re.I)
_PATTERNS = (
    (re.compile(r"\b(?:https?://|www\.)\S+", re.I), "[link]"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<!\w)@\w{2,}"), "[handle]"),
    (re.compile(r"(?<!\w)\+?\d(?:[\s().-]{0,2}\d){6,}(?!\w)"), "[number]"),
)
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")


def prepare(text: str, private: Iterable[str] = ()) -> str:
    """The text as a reader may see it: plain, masked, at most 6,000 characters.

    Markup is kept as words (a comment's too: hidden text is still text), so that hiding something in it gains nothing.
    """
    plain = unicodedata.normalize("NFKC", html.unescape(text[: MAX_CHARACTERS * 4]))
    plain = _SPECIAL.sub(" ", plain)
    plain = "".join(char for char in plain if char in "\n\t" or unicodedata.category(char)[0] != "C")
    plain = _TAG.sub(lambda tag: f" {tag.group().strip('<>!-/ ')} ", plain).replace("<", " ").replace(">", " ")
    return mask(re.sub(r"[ \t]+", " ", plain).strip()[:MAX_CHARACTERS], private)


def mask(text: str, private: Iterable[str] = ()) -> str:
    """The text without known private values, addresses, links and long numbers."""
    for pattern, label in _PATTERNS:
        text = pattern.sub(label, text)
    words = {word for value in private for word in (value, *value.split()) if len(word) >= _MIN_NAME}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "[name]", text, flags=re.I)
    return text


def decoded(text: str) -> str:
    """The text with whatever readable base64 it holds added at the end."""
    found = []
    for blob in _BLOB.findall(text):
        try:
            words = base64.b64decode(blob + "=" * (-len(blob) % 4), altchars=b"-_", validate=False).decode()
        except (binascii.Error, ValueError):
            continue
        if words.isprintable():
            found.append(words)
    return " ".join([text, *found])
