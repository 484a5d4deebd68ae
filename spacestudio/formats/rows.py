"""What the row formats share: which questions are taken, how a turn reads, where the picture lies, its caption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.formats.pictures import png_bytes
from spacestudio.relations.naming import a, is_plural, is_uncounted
from spacestudio.relations.words import sided

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def image_file(sample: Sample) -> str:
    """Where a data set keeps the picture, relative to its folder."""
    return f"images/{sample.id}.png"


def write_image(sample: Sample, folder: Path) -> Path:
    """The picture as PNG at `image_file`."""
    path = folder / image_file(sample)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(sample.image))
    return path


def chosen(sample: Sample) -> list[QAPair]:
    """The accepted questions, or the proposed ones when none was accepted; never one marked stale or in conflict."""
    fit = [q for q in sample.qa if not q.mark]
    judged = any(q.status == "accepted" for q in sample.qa)
    return [q for q in fit if q.status == ("accepted" if judged else "proposed")]


def turn(q: QAPair) -> tuple[str, str]:
    """A question and its answer as trained on; options are lettered and the answer names its letter."""
    if not q.options:
        return q.question, q.answer
    shown = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, q.options, strict=False))
    question = f"{q.question}\n{shown}\nAnswer with the option's letter."
    if q.answer not in q.options[: len(LETTERS)]:
        return question, q.answer
    return question, f"{LETTERS[q.options.index(q.answer)]}. {q.answer}"


def turns(sample: Sample) -> list[tuple[str, str]]:
    """The conversation about a picture: each chosen question with its answer, in the sample's order."""
    return [turn(q) for q in chosen(sample)]


def article(name: str) -> str:
    """ "a cup", "an orange cup", "some skis", "grass"."""
    if is_uncounted(name):
        return name
    return f"some {name}" if is_plural(name) else a(name)


_ORDER = ("support", "topology", "direction", "depth", "other")
_PLAIN = frozenset({"separated", "overlapping", "at the same depth"})


def caption(sample: Sample) -> str:
    """One sentence from the picture's graph: "A cup to the left of a plate, in front of a bottle."

    The largest object is placed against up to three others by its true relations, the person's own first; objects
    that are left over are listed.
    """
    objects = sample.objects
    if not objects:
        return "A picture."
    names = {o.id: o.name for o in objects}
    hero = max(objects, key=lambda o: (o.box.area, o.id))
    said: dict[str, Relation] = {}
    for r in sorted(sample.graph, key=_rank):
        if r.subject == hero.id and r.verdict == "true" and r.predicate not in _PLAIN and r.frame in ("image", "camera"):
            said.setdefault(r.object, r)
    placed = list(said.items())[:3]
    text = article(names[hero.id])
    if placed:
        text += " " + ", ".join(f"{sided(r.predicate)} {article(names[other])}" for other, r in placed)
    rest = [o.id for o in objects if o.id != hero.id and o.id not in dict(placed)]
    if rest:
        text += f"{', with ' if placed else ' and '}{_listed(rest, names)}"
    return text[0].upper() + text[1:] + "."


def _rank(r: Relation) -> tuple[bool, int, bool]:
    family = _ORDER.index(r.family) if r.family in _ORDER else len(_ORDER)
    return r.origin != "person", family, r.frame != "image"


def _listed(ids: list[str], names: Mapping[str, str]) -> str:
    words = [article(names[i]) for i in ids[:5]] + (["more"] if len(ids) > 5 else [])
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
