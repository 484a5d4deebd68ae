"""Which option an answer means: a letter, an option's words, or yes and no, in whatever sentence (ours)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spacestudio.metrics.names import folded

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALONE = re.compile(r"\W*+(?:(?:option|choice|answer)\W++)?([A-Za-z])[^\w\n]*+(?:\n|$)", re.IGNORECASE)
_ANOTHER = r"(?!(?i:or|and)\b|\(?[A-Z]\b)"
_BEFORE = re.compile(rf"\W*+([A-Z](?=\s*[.):\]]\s*{_ANOTHER}\S|,\s+{_ANOTHER})|[a-z](?=[.)\]]\s+{_ANOTHER}\S))")
_SAID = re.compile(
    r"\b(?i:answer|option|choice|choose|pick|select)(?:\s++(?i:is|would be|should be))?+\s*+(?:[:=-]\s*+)?"
    r"[*(\[\"“]*+([A-Z])(?![\w'’])"
)
_BRACKETED = re.compile(r"\(([A-Z])\)")
_ARTICLE = re.compile(r"(?:a|an|the)\s+")
_MARKS = " .,;:!?\"'“”*"


def chosen(text: str, options: Sequence[str] = (), letters: int = 0) -> int | None:
    """The number of the option that an answer means, from 0; None where none or more than one is meant.

    In this order: a letter alone ("B", "(b)", "B."), a letter before its text ("B. cat"), "the answer is B", the words of
    one option alone, yes or no as the first word, one letter in brackets, the words of only one option anywhere.

    Args:
        text: what was said.
        options: their words; empty where only letters are known.
        letters: how many letters there are, where no options are given.
    """
    count = len(options) or letters
    for pattern in (_ALONE, _BEFORE):
        if (match := pattern.match(text)) and (number := _number(match[1], count)) is not None:
            return number
    said = {_number(letter, count) for letter in _SAID.findall(text)} - {None}
    if len(said) == 1:
        return said.pop()
    words = [_bare(option) for option in options]
    if (whole := _only([_bare(text) == word for word in words])) is not None:
        return whole
    first = re.match(r"\W*(yes|no)\b", text, re.IGNORECASE)
    if first and (answer := _only([re.match(rf"{first[1].casefold()}\b", word) is not None for word in words])) is not None:
        return answer
    if len(bracketed := {_number(letter, count) for letter in _BRACKETED.findall(text)} - {None}) == 1:
        return bracketed.pop()
    return _mentioned(folded(text), words)


def _number(letter: str, count: int) -> int | None:
    number = LETTERS.find(letter.upper())
    return number if 0 <= number < count else None


def _bare(text: str) -> str:
    """Lower case, one line, no article in front, no marks around."""
    bare = folded(text).strip(_MARKS)
    article = _ARTICLE.match(bare)
    return bare[article.end() :].strip(_MARKS) if article else bare


def _only(true: Sequence[bool]) -> int | None:
    return true.index(True) if sum(true) == 1 else None


def _mentioned(text: str, words: Sequence[str]) -> int | None:
    """The one option whose words stand in the text, not counting words inside a longer option's."""
    some = sorted({word for word in words if word}, key=len, reverse=True)
    if not some:
        return None
    found = set(re.findall(rf"(?<!\w)(?:{'|'.join(map(re.escape, some))})(?!\w)", text))
    return _only([word in found for word in words])
