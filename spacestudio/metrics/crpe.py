"""CRPE: existence, subject, predicate and object as single choice, each asked with its options turned (SEEDS 1.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from spacestudio.errors import InputError
from spacestudio.metrics.letters import LETTERS, chosen
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.metrics.shares import share_of, worst

STEP = 4
"""Copies of a question, one for each turn of its options."""
KINDS = {"exist": "exist", "subj": "subject", "pred": "predicate", "obj": "object"}
"""How a figure is called -> how its category begins."""
OVERALL = ("subj", "pred", "obj")
"""What the published overall figure is the mean of: 64.50 = (69.21 + 58.95 + 65.34) / 3; existence stands apart."""

PUBLISHED = Table(
    "Published: CRPE (all-seeing-v2 README)",
    ("model", "exist", "subj", "pred", "obj", "overall"),
    (
        ("Qwen-VL", 85.11, 45.66, 38.19, 31.60, 38.48),
        ("LLaVA-1.5", 88.69, 57.44, 54.24, 55.21, 55.63),
        ("ASMv2", 92.14, 69.21, 58.95, 65.34, 64.50),
    ),
)
AS_PUBLISHED = (
    "as published: a question counts when four answers that follow each other in the file are all its letter to the "
    "character; “A.” is wrong; questions without an answer are not noticed"
)
CORRECTED = (
    "corrected: a question counts when all its turned copies are answered right; copies belong together by “group”, else "
    "four that follow each other in the question file; “A.”, “(A)”, “A. cat” and “the answer is A” are A; no answer is wrong"
)


@dataclass(frozen=True)
class Copy:
    """One turned copy of a question.

    Attributes:
        id, image: of its question.
        category: of the benchmark; copies of one question share it.
        letter: the right one.
        options: their words; empty where only letters are known.
        group: what its copies share; None where they only follow each other.
        said: the answer; None without one.
    """

    id: str
    image: str
    category: str
    letter: str
    options: Sequence[str]
    group: str | None
    said: str | None


def score(
    copies: Sequence[Copy],
    as_published: bool = False,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Accuracy per category and overall (the mean of subject, predicate and object).

    Args:
        copies: in the order of the answers as published, else of the questions.
        as_published: the definition of SEEDS 1.6 with its defects (1.7, 6).
        counts, notes: what the reader has to tell.

    Raises:
        InputError: no question has all its copies.
    """
    groups: dict[Hashable, list[Copy]] = {}
    seen: Counter[str] = Counter()
    for copy in copies:
        if _grouped(copy, as_published):
            groups.setdefault((copy.category, copy.group), []).append(copy)
        else:
            groups.setdefault((copy.category, seen[copy.category] // STEP, STEP), []).append(copy)
            seen[copy.category] += 1
    whole = [group for group in groups.values() if len(group) == _turns(group[0], as_published)]
    if not whole:
        raise InputError(
            "Nothing can be scored: no question has all its turned copies", f"{STEP} copies of each question, one a turn"
        )
    right = [[_right(copy, as_published) for copy in group] for group in whole]
    named = [_kind(group[0].category) for group in whole]
    figures = []
    for name in dict.fromkeys((*(kind for kind in KINDS if kind in named), *named)):
        some = [k for k, own in enumerate(named) if own == name]
        figures.append(share_of(name, [all(right[k]) for k in some], [whole[k][0].image for k in some]))
    parts = [f.value for f in figures if f.name in OVERALL and f.value is not None]
    figures.append(Figure("overall", sum(parts) / len(parts) if len(parts) == len(OVERALL) else None, len(parts)))
    lost = sum(len(group) for group in groups.values()) - sum(map(len, whole))
    invalid = sum(copy.said is not None and _number(copy, as_published) is None for group in whole for copy in group)
    single = Table(
        "Each copy by itself",
        ("category", "right", "copies"),
        tuple(_single(name, named, right) for name in dict.fromkeys(named)),
    )
    said = Counter(_letter(copy, as_published) for group in whole for copy in group)
    letters = Table("Letters answered", ("letter", "times"), tuple(sorted(said.items())))
    own = {
        "n_groups": len(whole),
        "n_incomplete_groups": len(groups) - len(whole),
        "n_copies_left_out": lost,
        "n_invalid": invalid,
    }
    return Report(
        "CRPE",
        AS_PUBLISHED if as_published else CORRECTED,
        tuple(figures),
        {**own, **(counts or {})},
        (single, letters),
        PUBLISHED,
        worst(_item(group, hits) for group, hits in zip(whole, right, strict=True)),
        (*notes, *(["Questions that lack a copy are left out."] if lost else [])),
        as_published,
    )


def _grouped(copy: Copy, as_published: bool) -> bool:
    """Whether the file says which copies belong together."""
    return copy.group is not None and not as_published


def _turns(copy: Copy, as_published: bool) -> int:
    """Copies of a question: where the file groups them one for each option, else `STEP` that follow each other."""
    return (len(copy.options) if _grouped(copy, as_published) else 0) or STEP


def _kind(category: str) -> str:
    folded = category.strip().casefold()
    return next((kind for kind, start in KINDS.items() if folded.startswith((start, kind))), category.strip() or "all")


def _number(copy: Copy, as_published: bool) -> int | None:
    """Which letter was answered; as published only a letter to the character."""
    if copy.said is None:
        return None
    if as_published:
        return LETTERS.find(copy.said) if len(copy.said) == 1 and copy.said in LETTERS else None
    return chosen(copy.said, copy.options, STEP)


def _letter(copy: Copy, as_published: bool) -> str:
    number = _number(copy, as_published)
    return "none" if number is None else LETTERS[number]


def _right(copy: Copy, as_published: bool) -> bool:
    if as_published:
        return copy.said == copy.letter and len(copy.letter) == 1
    return _letter(copy, as_published) == copy.letter.strip().strip("().").upper()


def _single(name: str, named: Sequence[str], right: Sequence[Sequence[bool]]) -> tuple[str, float, int]:
    some = [hit for own, hits in zip(named, right, strict=True) if own == name for hit in hits]
    return name, 100 * sum(some) / len(some), len(some)


def _item(group: Sequence[Copy], right: Sequence[bool]) -> Item:
    wrong = [f"{c.id}: {c.letter}, said {_said(c.said)}" for c, hit in zip(group, right, strict=True) if not hit]
    return Item(group[0].group or group[0].id, group[0].image, sum(right) / len(right), "; ".join(wrong))


def _said(text: str | None) -> str:
    return "nothing" if text is None else f"“{' '.join(text.split())[:40]}”"
