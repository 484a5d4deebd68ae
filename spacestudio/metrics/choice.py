"""Multiple choice of any benchmark: accuracy, per category, of pairs and of turned copies, beside chance (ours)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from spacestudio.metrics.letters import LETTERS, chosen
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.metrics.shares import share_of, worst

PUBLISHED = Table(
    "Published: SpaceSGG-Val accuracy (figures reported elsewhere, paper not seen)",
    ("model", "accuracy"),
    (("LLaVA-1.5-13B", 45.13), ("ASMv2-13B", 50.52), ("LLaVA-SpaceSGG-13B", 52.48)),
)
DEFINITION = (
    "ours: an answer is right when it means the right option and no other, by its letter alone or named in a sentence, by "
    "the option's words, or by a first yes or no; invalid and missing answers are wrong; a pair or a group is right when "
    "all of its questions are"
)


@dataclass(frozen=True)
class Asked:
    """A question with its answer.

    Attributes:
        id, image, category: of its question.
        options: their words.
        right: number of the right option.
        said: the answer; None without one.
        pair, group: what belongs together; None where nothing does.
    """

    id: str
    image: str
    category: str
    options: Sequence[str]
    right: int
    said: str | None
    pair: str | None = None
    group: str | None = None


def right_option(answer: str, options: Sequence[str]) -> int | None:
    """Number of the option that a question's own `answer` names, by its words or its letter; None for neither."""
    words = [" ".join(option.split()).casefold() for option in options]
    own = " ".join(answer.split()).casefold()
    if words.count(own) == 1:
        return words.index(own)
    return chosen(answer, (), len(options))


def score(asked: Sequence[Asked], counts: Mapping[str, int] | None = None, notes: Sequence[str] = ()) -> Report:
    """Accuracy over all and over valid answers, mean over categories, pairs, groups, and what guessing would have.

    Args:
        asked: what is scored, at least one.
        counts, notes: what the reader has to tell.
    """
    numbers = [None if item.said is None else chosen(item.said, item.options) for item in asked]
    right = [number == item.right for number, item in zip(numbers, asked, strict=True)]
    images = [item.image for item in asked]
    valid = [k for k, number in enumerate(numbers) if number is not None]
    rows = [_row(name, [k for k, i in enumerate(asked) if (i.category or "none") == name], asked, right, numbers)
            for name in dict.fromkeys(item.category or "none" for item in asked)]  # fmt: skip
    figures = [
        share_of("accuracy", right, images),
        share_of("accuracy_valid", [right[k] for k in valid], [images[k] for k in valid]),
        Figure("chance", _chance(asked), len(asked)),
    ]
    if len(rows) > 1:
        figures.append(Figure("category_mean", sum(float(row[1]) for row in rows) / len(rows), len(rows)))
    for name, keys in (("pair", [item.pair for item in asked]), ("group", [item.group for item in asked])):
        figures += _together(name, keys, asked, right)
    said = Counter("none" if number is None else LETTERS[number] for number in numbers)
    true = Counter(LETTERS[item.right] for item in asked)
    letters = tuple((letter, said[letter], true[letter]) for letter in sorted({*said, *true}))
    own = {
        "n_items": len(asked), "n_right": sum(right),
        "n_invalid": sum(n is None and item.said is not None for n, item in zip(numbers, asked, strict=True)),
        "n_pairs": len({item.pair for item in asked} - {None}), "n_groups": len({item.group for item in asked} - {None}),
    }  # fmt: skip
    return Report(
        "Multiple choice",
        DEFINITION,
        tuple(figures),
        {**own, **(counts or {})},
        (
            Table("Accuracy per category", ("category", "accuracy", "right", "items", "invalid", "chance"), tuple(rows)),
            Table("Options answered and options right", ("option", "answered", "right"), letters),
        ),
        PUBLISHED,
        worst(_item(item, hit) for item, hit in zip(asked, right, strict=True)),
        tuple(notes),
    )


def _chance(asked: Sequence[Asked]) -> float | None:
    return 100 * sum(1 / len(item.options) for item in asked) / len(asked) if asked else None


def _row(
    name: str, rows: Sequence[int], asked: Sequence[Asked], right: Sequence[bool], numbers: Sequence[int | None]
) -> tuple[str, float, int, int, int, float | None]:
    hits = sum(right[k] for k in rows)
    invalid = sum(numbers[k] is None for k in rows)
    return name, 100 * hits / len(rows), hits, len(rows), invalid, _chance([asked[k] for k in rows])


def _together(name: str, keys: Sequence[str | None], asked: Sequence[Asked], right: Sequence[bool]) -> list[Figure]:
    """Share of pairs or groups of which all questions are right, and what guessing would have."""
    members: dict[str, list[int]] = {}
    for k, key in enumerate(keys):
        if key is not None:
            members.setdefault(key, []).append(k)
    if not members:
        return []
    luck = sum(prod(1 / len(asked[k].options) for k in some) for some in members.values()) / len(members)
    whole = [all(right[k] for k in some) for some in members.values()]
    images = [asked[some[0]].image for some in members.values()]
    return [share_of(f"{name}_accuracy", whole, images), Figure(f"{name}_chance", 100 * luck, len(members))]


def _item(item: Asked, right: bool) -> Item:
    said = "nothing" if item.said is None else f"“{' '.join(item.said.split())[:60]}”"
    return Item(item.id, item.image, float(right), f"{LETTERS[item.right]}. {item.options[item.right]}; said {said}")
