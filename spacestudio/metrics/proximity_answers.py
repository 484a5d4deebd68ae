"""What a model's free text says about depth: a number in [0, 1], or which of two is closer; never guessed.

Ours: the published system names no way of reading answers (SEEDS 4.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 4_000
"""Characters of an answer that are read, its last ones: a conclusion stands at the end."""
LONGEST_NAME = 200
"""Characters of a name that is looked for."""
ALIKE = 0.0101
"""Two numbers that differ by no more are one number told twice ("1/3 (0.33)")."""

Names = Sequence[Sequence[str]]
"""For each object of the question what it may be called, its name first."""


@dataclass(frozen=True)
class Said:
    """What an answer says.

    Attributes:
        value: the depth, or "first", "second" or "same" of the question's two objects; None when it can't be told.
        why: why it can't, a few words; "" when it can.
        depths: per object the depth it states, None where it states none.
    """

    value: float | str | None
    why: str = ""
    depths: tuple[float | None, ...] = ()


# Words to symbols: one private character each, so that the grammar below is a few regular expressions.

_NAMES = "\ue000\ue001"
_SAME, _CLOSER, _FARTHER, _FRONT, _BEHIND, _NOT, _PAIR = "\ue010\ue011\ue012\ue013\ue014\ue015\ue016"
_NAME = f"[{_NAMES}]"
_ARTICLE = r"(?:(?:the|an?|this|that|these|those|any|both)\s+)?"
_CAMERA = (
    r"camera|viewer|observer|viewpoint|lens|photographer|us|you|me|front|foreground|screen|point\s+of\s+view|image\s+plane"
)
_TO_US = rf"(?:\s+away)?\s+(?:to|from)\s+(?:the\s+|our\s+|my\s+)?(?:{_CAMERA})\b"

_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.DOTALL)
_MARKS = re.compile(r"[*_`#$\"“”\\{}]")
_ANSWER = re.compile(r"(?:final\s+answer|answer|conclusion|result)\s*(?:is|would\s+be)?\s*[:=]|\b(?:final\s+)?answer\s+is\b")
_THEREFORE = re.compile(r"\b(?:therefore|thus|hence|in\s+conclusion|consequently)\b")
_SO = re.compile(r"\b(?:so|overall|actually|in\s+fact)\b")
_UNSURE = re.compile(
    r"(?:can\s?not|can't|unable\s+to|impossible\s+to|not\s+possible\s+to|hard\s+to|difficult\s+to|don't|do\s+not)"
    r"\s+(?:be\s+)?(?:tell|say|determine|judge|answer|see|know|identify|estimate|provide|measure)|not\s+sure|sorry"
)


def _plain(text: str) -> str:
    """Lower case, straight quotes and dashes, no markup, no thinking aloud; one space or line break at a time."""
    text = _THINKING.sub(" ", unicodedata.normalize("NFKC", text[-25 * LONGEST :]).lower())[-LONGEST:]
    text = re.sub("[\ue000-\uf8ff]", " ", text)
    text = text.replace("’", "'").replace("‘", "'").replace("⁄", "/")
    text = re.sub("[–—−‐‑]", "-", text)
    text = _MARKS.sub(" ", re.sub(r"\\boxed|\\text", " ", text))
    return re.sub(r"\s+", lambda m: "\n" if "\n" in m[0] else " ", text).strip()


def _masked(text: str, names: Names) -> str:
    """The text with each object's names as one symbol, the longest names first; names that both share are not used."""
    symbols, pattern = _called(tuple(map(tuple, names)))
    return pattern.sub(lambda m: f" {symbols[_bare(m[1])]} ", text) if symbols else text


def _bare(name: str) -> str:
    return " ".join(_plain(name).replace("-", " ").split())


@lru_cache(maxsize=64)
def _called(names: tuple[tuple[str, ...], ...]) -> tuple[dict[str, str], re.Pattern[str]]:
    """Each name's symbol, and what finds them all."""
    said = [{_bare(name) for name in called if len(name) <= LONGEST_NAME} - {""} for called in names]
    symbols = {n: _NAMES[i] for i, called in enumerate(said) for n in called if sum(n in other for other in said) == 1}
    longest = sorted(symbols, key=lambda n: (-len(n), n))
    words = "|".join(r"[\s-]+".join(map(re.escape, n.split())) for n in longest)
    return symbols, re.compile(rf"(?<!\w){_ARTICLE}({words})(?:e?s)?(?!\w)(?:'s?(?!\w))?")


def _tails(text: str, *markers: re.Pattern[str]) -> Iterator[str]:
    """What follows the last mark of each kind, where something does."""
    for marker in markers:
        found = list(marker.finditer(text))
        if found and (tail := text[found[-1].end() :].strip(" :,.-")):
            yield tail


# Depth in [0, 1]

_ZERO, _ONE, _ASIDE = r"0(?:[.,]0+)?", r"1(?:[.,]0+)?", r"(?:\s*\([^)]*\))?"
_MEANS = r"(?:=|is|being|means|meaning|represents|representing|indicates|indicating|denotes|for|as|:)"
_NEAREST = r"(?:the\s+)?(?:very\s+)?(?:nearest|closest|near|close|front)"
_FARTHEST = r"(?:the\s+)?(?:very\s+)?(?:farthest|furthest|far|most\s+distant|back)"
_SCALE = re.compile(
    rf"(?:(?:on|in|within|using|with)\s+)?(?:(?:an?|the|this)\s+)?(?:\w+\s+){{0,2}}(?:scale|range|interval)\s*(?:of|from|:)?"
    rf"\s*[\[(]?\s*{_ZERO}{_ASIDE}\s*(?:to|-|and|,|\.\.+)\s*{_ONE}(?![.,]?\d){_ASIDE}\s*[\])]?"
    rf"|(?:from|between)\s+{_ZERO}{_ASIDE}\s*(?:to|and|-)\s*{_ONE}(?![.,]?\d){_ASIDE}"
    rf"|\[\s*{_ZERO}\s*,\s*{_ONE}\s*\]"
    rf"|(?<![\d.,]){_ZERO}{_ASIDE}\s*(?:to|-)\s*{_ONE}(?![.,]?\d){_ASIDE}"
    rf"|(?:(?:where|with)\s+)?(?<![\d.,]){_ZERO}\s*{_MEANS}\s*{_NEAREST}[^.;\d]*?(?:and|,|;|to)\s*{_ONE}\s*{_MEANS}?\s*{_FARTHEST}"
)
_NUMBER = re.compile(
    r"(?<![\w.,/])(?P<top>\d{1,9}(?:\.\d{1,12})?)\s*(?:/|out\s+of|over)\s*(?P<bottom>\d{1,9}(?:\.\d{1,12})?)(?![\w/])"
    r"|(?<![\w.,/])(?P<value>-?(?:0,\d{1,9}|1,0{1,2}(?!\d)|\d{1,9}(?:\.\d{1,40})?(?:e-?\d)?|\.\d{1,40}))"
    r"(?P<unit>\s*(?:%|percent\b|per\s+cent\b|(?:m|cm|mm|km|ft|feet|foot|inch|inches|px|degrees?|met(?:er|re)s?"
    r"|centimet(?:er|re)s?|pixels?|yards?)\b|°))?(?![.,/]?\d)(?:ish)?(?!\w)"
)
_RANGE = re.compile(r"\d\s*%?\s*(?:-|to)\s*\.?\d|between\s+[\d.,]+\s*%?\s+and\s+[\d.,]+")
_SPOKEN = (
    (re.compile(r"\bthree[\s-]quarters?\b"), 0.75), (re.compile(r"\b(?:a|one)[\s-]quarter\b"), 0.25),
    (re.compile(r"\btwo[\s-]thirds?\b"), 2 / 3), (re.compile(r"\b(?:a|one)[\s-]third\b"), 1 / 3),
    (re.compile(r"\b(?:half|halfway|midway)\b(?!\s+(?:way\s+)?between)"), 0.5),
)  # fmt: skip
_DIGITS = dict(
    zip(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), "0123456789", strict=True)
)
_POINT = re.compile(rf"\b(?:(zero|one)\s+)?point\s+((?:(?:{'|'.join(_DIGITS)})\b\s*)+)")


@dataclass(frozen=True)
class _Number:
    value: float
    start: int
    end: int
    unit: str = ""


def _numbers(text: str) -> list[_Number]:
    out = []
    for m in _NUMBER.finditer(text):
        if m["top"]:
            bottom = float(m["bottom"])
            value = float(m["top"]) / bottom if bottom else float("inf")
            out.append(_Number(value, m.start(), m.end()))
            continue
        unit = (m["unit"] or "").strip()
        value = float(m["value"].replace(",", "."))
        share = unit in ("%", "percent") or unit.startswith("per")
        out.append(_Number(value / 100 if share else value, m.start(), m.end(), "" if share else unit))
    return out


def _in_words(text: str) -> set[float]:
    """Numbers in words; asked only where there are no digits."""
    found = set()
    for whole, digits in _POINT.findall(text):
        found.add(float(f"{_DIGITS.get(whole, '0')}.{''.join(_DIGITS[d] for d in digits.split())}"))
    for pattern, value in _SPOKEN:
        if pattern.search(text):
            return found | {value}
    return found


def depth_said(text: str, names: Names) -> Said:
    """The depth a text states for the one object asked about.

    Read are 0.45, .45, 0,45, 45 %, 9/20, "zero point four five", "a quarter", with the scale named or not; of several
    numbers the one that is given to the object by name. Not read are lengths, ranges and what lies outside 0 to 1.
    """
    plain = _masked(_plain(text), names)
    said = Said(None, "it is empty")
    for part in (*_tails(plain, _ANSWER, _THEREFORE), plain):
        said = _one_depth(part)
        if said.value is not None:
            break
    return said


def _one_depth(text: str) -> Said:
    bare = _SCALE.sub(" ", text)
    found = _numbers(bare)
    if not found and not _in_words(bare):
        bare, found = text, _numbers(text)
    if not found:
        spoken = _in_words(text)
        if len(spoken) == 1:
            return Said(spoken.pop())
        why = "it is empty" if not text else "it says it can't tell" if _UNSURE.search(text) else "it states no number"
        return Said(None, "it states several numbers" if spoken else why)
    given = [n for n in found if not n.unit]
    if not given:
        return Said(None, "it states a length, not a share")
    if len({round(n.value, 6) for n in given}) > 1:
        if max(n.value for n in given) - min(n.value for n in given) <= ALIKE:
            given = given[-1:]
        else:
            own = _given_to(bare, given, _NAMES[0])
            if own is None:
                return Said(None, "it gives a range" if _RANGE.search(bare) else "it states several numbers")
            given = [own]
    value = given[0].value
    return Said(value) if 0 <= value <= 1 else Said(None, "its number lies outside 0 to 1")


_HAS = r"(?:(?:is|are|at|has|lies|lie|a|the|of|about|around|roughly|approximately|relative|depth|:|=|-)\s*){0,6}"


def _given_to(text: str, found: Sequence[_Number], name: str) -> _Number | None:
    """The number that the text gives to a name: "0.3 for the cup", "the cup is at 0.3"."""
    after = (n for n in found if re.match(rf"\s*(?:for|of)\s+{name}", text[n.end :]))
    before = (n for n in found if re.search(rf"{name}\s+{_HAS}$", text[: n.start]))
    return next(after, None) or next(before, None)


# Which of two

_ABOUT = r"(?:(?:about|roughly|approximately|almost|nearly|more\s+or\s+less|much|basically|exactly)\s+)"
_SEEM = r"(?:are|is|look|looks|seem|seems|appear|appears|they're|both)\s+(?:both\s+|to\s+be\s+)?"
_FAR = r"(?:depth|distance)s?"
_ALONG = r"(?:[^.;\n]|\.(?=\d)){0,60}?"
_AS = r"\b(?:[^.;]*?\bas\b)?"
_NOT_OF_DEPTH = r"(?!\s+(?:size|height|width|length|colou?r|shape|kind|type|material|time|table|shelf|room|side)s?\b)"
_PHRASES = tuple(
    (re.compile(pattern), f" {said} ")
    for pattern, said in (
        (rf"neither\s+{_NAME}\s+nor\s+{_NAME}|\bneither\b", _SAME),
        (rf"(?:n't|\bnot?)\s+(?:quite\s+)?(?:as|so)\s+(?:close|near){_AS}", _FARTHER),
        (rf"(?:n't|\bnot)\s+(?:quite\s+)?(?:as|so)\s+(?:far|distant|deep){_AS}", _CLOSER),
        (r"\b(?:just\s+)?as\s+(?:close|near|far|distant|deep)\b[^.;]*?\bas\b", _SAME),
        (rf"\b(?:(?:at|in)\s+)?{_ABOUT}*+(?:the\s+|a\s+)?{_ABOUT}*+(?:same|equal|similar|comparable|identical)"
         r"\s+(?:relative\s+)?(?:depth|distance|proximity|plane|level|range)s?\b", _SAME),
        (rf"\b(?:{_ABOUT}|{_SEEM})(?:the\s+)?(?:same|equal)\b{_NOT_OF_DEPTH}|^\W*(?:the\s+)?(?:same|equal)\W*$", _SAME),
        (r"\b(?:equally|similarly)\s+(?:far|close|near|distant|deep|positioned|away)\b|\bequidistant\w*", _SAME),
        (r"\bno\s+(?:\w+\s+)?difference\b(?!\s+in\s+(?!depth|distance|proximity))", _SAME),
        (r"(?:\bnot|n't)\s+(?:\w+\s+)?(?:sure|certain|clear|obvious)\b", ""),
        (rf"\b{_FAR}\b({_ALONG})\b(?:smaller|lower|less|shorter)\b(?!\s+{_FAR})", rf"\1 {_CLOSER}"),
        (rf"\b{_FAR}\b({_ALONG})\b(?:greater|larger|higher|longer|bigger)\b(?!\s+{_FAR})", rf"\1 {_FARTHER}"),
        (r"\b(?:smaller|lower|lesser|less|smallest|lowest)\s+(?:relative\s+)?depth\b", _CLOSER),
        (r"\b(?:greater|higher|larger|bigger|more|greatest|highest|largest)\s+(?:relative\s+)?depth\b", _FARTHER),
        (r"\bless\s+(?:far|distant|deep|remote)\b", _CLOSER),
        (r"\bless\s+close\b|\b(?:more|most)\s+(?:distant|remote|far)\b", _FARTHER),
        (r"\b(?:farther|further|farthest|furthest|deeper|deepest)\b(?!\s*,)", _FARTHER),
        (r"\b(?:closer|closest|nearer|nearest|frontmost|foremost)\b|\bmore\s+close\b", _CLOSER),
        (r"\bin\s+front\s+of\b|\bahead\s+of\b", _FRONT),
        (r"\bin\s+(?:the\s+)?(?:front|foreground)\b", _CLOSER),
        (r"\bin\s+(?:the\s+)?(?:back\s+of)\b|\bbehind\b", _BEHIND),
        (r"\b(?:in|at|towards?)\s+the\s+(?:back|background|rear|distance)\b", _FARTHER),
    )
)  # fmt: skip
_POSITIVE = tuple(
    (re.compile(pattern), f" {symbol} ")
    for pattern, symbol in (
        (rf"\b(?:close|near)\b(?=\s*(?:$|[,.;]|and\b|{_TO_US.lstrip()}))|\b(?:close|near)(?={_TO_US})", _CLOSER),
        (rf"\b(?:far(?:\s+away)?|distant)\b(?=\s*(?:$|[,.;]|and\b|{_TO_US.lstrip()}))|\bfar(?={_TO_US})", _FARTHER),
    )
)
_ONE_OF = r"(?:[\s-]+(?:one|object|item|option|thing|named|mentioned|listed))*\b"
_ORDINALS = (
    (re.compile(rf"\b(?:the\s+)?former\b|\bthe\s+first{_ONE_OF}"), 0),
    (re.compile(rf"\b(?:the\s+)?latter\b|\bthe\s+second{_ONE_OF}"), 1),
    (re.compile(r"\b(?:option|object|choice|item)\s*\(?[a1]\)?(?!\w)"), 0),
    (re.compile(r"\b(?:option|object|choice|item)\s*\(?[b2]\)?(?!\w)"), 1),
    (re.compile(r"(?:^|\banswer\W++(?:is\W++)?+)\W*+(?:a|first)\W*+$"), 0),
    (re.compile(r"(?:^|\banswer\W++(?:is\W++)?+)\W*+(?:b|second)\W*+$"), 1),
)
_NEGATION = re.compile(r"\bnot\b|n't\b|\bnever\b|\bno\b(?!\W*$)(?!\s*,)")
_DISMISSED = re.compile(rf"(?:{_NOT}|rather\s+than|instead\s+of|as\s+opposed\s+to|\bunlike)\s+({_NAME})")
_TOGETHER = re.compile(rf"({_NAME})\s*(?:and|or|&|vs\.?|versus|/)\s*({_NAME})")
_CLAUSE = re.compile(
    r"[;!\n]|\.(?!\d)|,?\s\b(?:while|whereas|but|although|though|so|therefore|thus|hence|because|since|as\s+it)\b|:\s(?=\w+\s)"
)
_QUESTION = re.compile(r"[^.;!?\n]*\?")
_COMPARATIVE = re.compile(f"[{_CLOSER}{_FARTHER}{_FRONT}{_BEHIND}]")
_ELSEWHERE = re.compile(
    rf"\s*(?:away\s+)?(?:to|from)\s+(?!(?:the\s+|our\s+|my\s+)?(?:{_CAMERA})\b)(?:the\s+)?[\w{_NAMES}{_PAIR}]"
    r"|\s*(?:to\s+the\s+)?(?:left|right|up|down|together|apart)\b"
)
_THAN = re.compile(
    rf"[^.;{_CLOSER}{_FARTHER}]{{0,200}}?\b(?:than|compared\s+(?:to|with))\s+(?:that\s+of\s+|the\s+\w+\s+(?:of|to)\s+)?({_NAME})"
)
_REFERENCE = re.compile(rf"\s*({_NAME})")
_IS = re.compile(
    rf"[^{_NAMES}{_COMPARATIVE.pattern[1:-1]}{_NOT}]*?(?:\b(?:is|are|be|being)|[:=-])\s+(?:likely\s+|probably\s+)?({_NAME})"
    rf"(?!\s*(?:is|are|at|has|looks?|appears?|seems?)\b)"
)  # fmt: skip


def _symbols(text: str, names: Names, positive: bool) -> str:
    text = _masked(_QUESTION.sub(" ", _plain(text)), names)
    for pattern, i in _ORDINALS:
        text = pattern.sub(f" {_NAMES[i]} ", text)
    for pattern, symbol in (*_PHRASES, *(_POSITIVE if positive else ())):
        text = pattern.sub(symbol, text)
    text = _NEGATION.sub(f" {_NOT} ", text)
    text = re.sub(rf"{_NOT}\s+(?:that|it\s+is|it's)\s+(?={_NAME})", f"{_NOT} ", text)
    text = _DISMISSED.sub(lambda m: _other(m[1]), text)
    return _TOGETHER.sub(lambda m: _PAIR if m[1] != m[2] else m[1], text)


def _other(name: str) -> str:
    return _NAMES[1 - _NAMES.index(name)]


def choice_said(text: str, names: Names, asked: str, tau: float) -> Said:
    """Which of the question's two objects a text names as the closer (or the farther) one.

    What is said outright counts: "the cup is closer", "the bowl is behind the cup", "about the same". Else the one object it
    names is its answer; else the depths it states are compared, with the tie band `tau`. After "answer:" or "therefore" it
    counts more than before. A text that says both is not read.

    Args:
        text: the answer.
        names: of the two objects, in the question's order.
        asked: "closer" or "farther".
        tau: the tie band in [0, 1].
    """
    depths = _depths_said(text, names)
    why = "it is empty"
    for positive in (False, True):
        symbols = _symbols(text, names, positive)
        if not symbols:
            break
        answers, other_tails = list(_tails(symbols, _ANSWER, _THEREFORE)), list(_tails(symbols, _SO))
        for part, bare in (*((t, True) for t in answers), *((t, False) for t in other_tails), (symbols, True)):
            votes = set(_votes(part))
            if len(votes) == 1:
                return Said(_as_asked(votes.pop(), asked), depths=depths)
            singles = set(re.findall(_NAME, part))
            if bare and not votes and len(singles) == 1 and _PAIR not in part:
                return Said(("first", "second")[_NAMES.index(singles.pop())], depths=depths)
            why = "it says both" if votes else "it names both" if singles or _PAIR in part else "it names neither"
    if why != "it says both" and len(depths) == 2 and None not in depths:
        return Said(_as_asked(_nearer(depths, tau), asked), depths=depths)
    if why == "it names neither" and _UNSURE.search(_plain(text)):
        why = "it says it can't tell"
    return Said(None, why, depths)


def _as_asked(closer: str, asked: str) -> str:
    """ "first" or "second" as the closer one, told as the one that is asked for."""
    return closer if asked == "closer" or closer == "same" else {"first": "second", "second": "first"}[closer]


def _nearer(depths: Sequence[float | None], tau: float) -> str:
    first, second = (d for d in depths if d is not None)
    if abs(second - first) < tau - 1e-9 or first == second:
        return "same"
    return "first" if first < second else "second"


def _votes(text: str) -> Iterator[str]:
    """Which one each clause says to be closer: "first", "second" or "same"."""
    for clause in _CLAUSE.split(text):
        if _SAME in clause:
            if _NOT not in clause[: clause.index(_SAME)]:
                yield "same"
            continue
        done = 0
        for m in _COMPARATIVE.finditer(clause):
            closer = _vote(m[0], clause[done : m.start()], clause[m.end() :])
            reference = (_REFERENCE if m[0] in (_FRONT, _BEHIND) else _THAN).match(clause[m.end() :])
            done = m.end() + (reference.end() if reference else 0)
            if closer:
                yield ("first", "second")[_NAMES.index(closer)]


def _vote(symbol: str, before: str, after: str) -> str:
    """The name said to be closer by one comparison; "" when it says nothing about the two."""
    subjects = re.findall(_NAME, before)
    if symbol in (_FRONT, _BEHIND):
        reference = _REFERENCE.match(after)
        if reference:
            closer = reference[1] if symbol == _BEHIND else _other(reference[1])
        elif subjects and re.fullmatch(r"\s*(?:it|them)?[\s,)]*", after):
            closer = subjects[-1] if symbol == _FRONT else _other(subjects[-1])
        else:
            return ""
    else:
        if _ELSEWHERE.match(after):
            return ""
        named, than = _IS.match(after), _THAN.match(after)
        if named:
            subject = named[1]
        elif subjects:
            subject = subjects[-1]
        elif than:
            subject = _other(than[1])
        elif direct := re.match(rf"\W*({_NAME})", after):
            subject = direct[1]
        else:
            return ""
        closer = subject if symbol == _CLOSER else _other(subject)
    return _other(closer) if _NOT in re.split(_NAME, before)[-1] else closer


def _depths_said(text: str, names: Names) -> tuple[float | None, ...]:
    """The depth a text states for each object: "0.3 for the cup and 0.6 for the bowl", "cup: 0.3, bowl: 0.6"."""
    plain = _SCALE.sub(" ", _masked(_plain(text), names))
    marks: list[tuple[int, str | float]] = [(m.start(), m[0]) for m in re.finditer(_NAME, plain)]
    marks += [(n.start, n.value) for n in _numbers(plain) if not n.unit and 0 <= n.value <= 1]
    items = [item for _, item in sorted(marks, key=lambda mark: mark[0])]
    first_number = (
        bool(re.search(rf"\d\s*(?:for|is\s+for|\()\s*{_NAME}", plain)) and bool(items) and isinstance(items[0], float)
    )
    found: dict[str, float] = {}
    waiting: list[str] = []
    for item in reversed(items) if first_number else items:
        if isinstance(item, str):
            if item not in waiting:
                waiting.append(item)
        elif waiting:
            found.setdefault(waiting.pop(0), item)
    return tuple(found.get(name) for name in _NAMES[: len(names)])
