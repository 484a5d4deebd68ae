"""A sample's exchanges in a language model's words: the words between the tags may change, and nothing else.

The model sees each text with numbered places for names and predicates, which come back untouched and in order. What it puts
between them may use plain words only, and must say as much of left and right, near and far, numbers and "not" as the text
it replaces, place by place. Else the built-in wording stays, and why is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from spacestudio.captions.story import Story, text
from spacestudio.domain.grounded import Exchange, Grounded, Mention, Predicate, Span
from spacestudio.domain.sample import Sample
from spacestudio.engines.language.scenes import Said, Schema
from spacestudio.engines.language.talk import Counts, NoAnswer, Talk, messages_of
from spacestudio.errors import InputError
from spacestudio.formats import FORMATS
from spacestudio.formats.spacesgg import CONVERSATION, DESCRIPTION, QA, Texts
from spacestudio.relations.naming import a, attributes_of, clean, plural
from spacestudio.services.comment import GIVE_UP, NEGATED, NUMBER, PLAIN
from spacestudio.services.converse import talk_with
from spacestudio.services.tell import told

AT_ONCE = 5
"""Exchanges in one conversation."""
TASK = (
    "Put the question and the answer of each row in DATA into other natural, fluent words. [1], [2], … are locked: each "
    "must come back once and in the same order; “places” says what stands there. Between them keep what is said: numbers, "
    "near and far, left and right, up and down, front and back, which thing is meant. Add no thing, no relation, no opinion."
)


class Reworded(Schema):
    """One exchange in other words."""

    id: Said
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1500)]
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]


class Rewordings(Schema):
    """Exchanges in other words."""

    exchanges: list[Reworded] = Field(max_length=4 * AT_ONCE)


@dataclass(frozen=True, eq=False)
class Polished:
    """Samples with the exchanges of one style, some of them in a model's words.

    Attributes:
        samples: as given, each with `exchanges` of that style.
        worded, total: how many exchanges are in the model's words, and of how many.
        counts: what it took; `rejected` says why the others keep the built-in wording.
        words: what went wrong as a whole, a line each.
    """

    samples: tuple[Sample, ...]
    worded: int
    total: int
    counts: Counts
    words: tuple[str, ...] = ()


def style_of(format_name: str) -> str:
    """Whose exchanges a format writes.

    Raises:
        UnknownName: no such format.
        InputError: one whose texts are not reworded.
    """
    form = FORMATS.load(format_name)
    if isinstance(form, Texts):
        return form.style
    texts = ", ".join(form.name for form in (DESCRIPTION, QA, CONVERSATION))
    raise InputError(f"The format {format_name} has no text that a language model could reword", texts)


def polished(samples: Sequence[Sample], style: str, engine: str, seed: int = 0) -> Polished:
    """The samples with their exchanges of a style reworded where the wording passes.

    Raises:
        UnknownName, InputError: no such language model.
        Unavailable: it can't be asked.
    """
    talk = talk_with(engine, seed)
    out, words = list[Sample](), list[str]()
    worded = total = failed = 0
    for sample in samples:
        exchanges = list(told(sample).exchanges[style])
        total += len(exchanges)
        story = Story(sample)
        for start in range(0, len(exchanges), AT_ONCE):
            if failed == GIVE_UP:
                break
            try:
                for k, other in _asked(exchanges[start : start + AT_ONCE], story, talk):
                    exchanges[start + k] = other
                    worded += 1
            except NoAnswer as why:
                failed += 1
                words.append(f"{sample.id}: {why} The built-in wording stays.")
        out.append(sample.but(exchanges={style: tuple(exchanges)}))
    if failed == GIVE_UP:
        words.append(f"{talk.chat.name} was not asked any more.")
    return Polished(tuple(out), worded, total, talk.counts, tuple(words))


def _asked(exchanges: Sequence[Exchange], story: Story, talk: Talk) -> Iterator[tuple[int, Exchange]]:
    """Place and new exchange of those whose wording passes; why the others don't is noted."""
    found = ((k, e, Form.of(e, story)) for k, e in enumerate(exchanges))
    forms = {f"e{k + 1}": (k, e, form) for k, e, form in found if form.clear}
    rows = [{"id": i, **form.shown} for i, (_, _, form) in forms.items()]
    seen: set[str] = set()
    for made in talk.ask(messages_of(TASK, {"exchanges": rows}, Rewordings), Rewordings).exchanges:
        if made.id not in forms or made.id in seen:
            talk.note("not given")
            continue
        seen.add(made.id)
        place, exchange, form = forms[made.id]
        question, answer = clean(made.question), clean(made.answer)
        if (question, answer) == form.own:
            continue
        if why := form.changed(question, answer):
            talk.note(why)
            continue
        other = replace(exchange, question=form.question.filled(question), answer=form.answer.filled(answer), origin="model")
        if holds(other, exchange, story):
            yield place, other
        else:
            talk.note("relation that does not hold")
    talk.note("not answered", len(forms.keys() - seen))


def holds(other: Exchange, exchange: Exchange, story: Story) -> bool:
    """Whether a wording has the tags of the exchange it replaces, and each relation the answer rests on is true."""
    texts = (other.question, exchange.question), (other.answer, exchange.answer)
    if any(one.mentions != two.mentions or one.predicates != two.predicates for one, two in texts):
        return False
    rests_on = ((r["subject"], r["object"], r["family"], r["frame"], r["predicate"]) for r in other.facts["relations"])
    found = [(story.true(*place), predicate) for *place, predicate in rests_on]
    return all(r is not None and r.predicate == predicate for r, predicate in found)


# Texts with locked places

_PLACE = re.compile(r"\[(\d{1,4})\]")


@dataclass(frozen=True)
class Locked:
    """A text taken apart: gap, lock, gap, …, gap.

    Attributes:
        first: number of its first place.
        gaps: the words between, one more than `locks`.
        locks: spans, and names that stand in plain words.
    """

    first: int
    gaps: tuple[str, ...]
    locks: tuple[Span, ...]

    @classmethod
    def of(cls, grounded: Grounded, names: re.Pattern[str] | None, first: int) -> Locked:
        """The text's names and predicates locked, tagged or not."""
        gaps, locks = [""], list[Span]()
        for span in grounded.spans:
            pieces = names.split(span) if isinstance(span, str) and names else [span]
            for k, piece in enumerate(pieces):
                if isinstance(piece, str) and k % 2 == 0:
                    gaps[-1] += piece
                else:
                    locks.append(piece)
                    gaps.append("")
        return cls(first, tuple(gaps), tuple(locks))

    @property
    def shown(self) -> str:
        """With its places numbered."""
        places = [f"[{self.first + k}]" for k in range(len(self.locks))]
        return "".join(piece for pair in zip(self.gaps, [*places, ""], strict=True) for piece in pair)

    def filled(self, reply: str) -> Grounded:
        """The reply with the locks in their places; "a" and "an" as the name needs it."""
        spans: list[Span] = []
        for gap, lock in zip(_PLACE.split(reply)[::2], [*self.locks, ""], strict=True):
            spans += [_article(gap, lock), lock]
        return text([spans])

    def changed(self, reply: str) -> str:
        """What of the text another wording changes, in a word or two; "" when nothing."""
        found = [int(number) for number in _PLACE.findall(reply)]
        wanted = list(range(self.first, self.first + len(self.locks)))
        if found != wanted:
            if set(wanted) - set(found):
                return "tag dropped"
            return "tag added" if len(found) > len(wanted) else "tags out of order"
        if ("?" in "".join(self.gaps)) != ("?" in reply) or "[" in _PLACE.sub("", reply):
            return "kind of text"
        own = set(_words(" ".join(self.gaps)))
        for before, after in zip(self.gaps, _PLACE.split(reply)[::2], strict=True):
            if why := _changed(before, after, own):
                return why
        return ""


@dataclass(frozen=True)
class Form:
    """An exchange with its texts locked, numbered through."""

    question: Locked
    answer: Locked

    @classmethod
    def of(cls, exchange: Exchange, story: Story) -> Form:
        """With every name and attribute of the picture's things locked, also where it stands in plain words."""
        said = {story.names[i].text for i in story.names} | {*story.labels.values()}
        said |= {plural(label) for label in story.labels.values()}
        said |= {word for o in story.sample.objects for word in attributes_of(o)}
        longest = sorted(said, key=lambda name: (-len(name), name))
        names = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest))})(?!\w)") if longest else None
        question = Locked.of(exchange.question, names, 1)
        return cls(question, Locked.of(exchange.answer, names, 1 + len(question.locks)))

    @property
    def clear(self) -> bool:
        """Whether no word could be taken for a place."""
        return "[" not in "".join((*self.question.gaps, *self.answer.gaps))

    @property
    def own(self) -> tuple[str, str]:
        """Question and answer as shown."""
        return self.question.shown, self.answer.shown

    @property
    def shown(self) -> Mapping[str, Any]:
        """What the model gets."""
        locks = (*self.question.locks, *self.answer.locks)
        places = {f"[{k}]": lock if isinstance(lock, str) else lock.text for k, lock in enumerate(locks, 1)}
        return {"question": self.question.shown, "answer": self.answer.shown, "places": places}

    def changed(self, question: str, answer: str) -> str:
        """What a wording changes; "" when nothing."""
        return self.question.changed(question) or self.answer.changed(answer)


# Do words between two places say the same?

_SENSES: Mapping[str, str] = {
    "left": "left", "right": "right", "above": "above over", "below": "below under beneath underneath", "back": "back",
    "front": "front foreground", "behind": "behind background", "near": "near close", "far": "far distant",
    "nearest": "nearest closest", "nearer": "nearer closer", "farther": "farther further", "farthest": "farthest furthest",
    "up": "up upper higher", "down": "down lower", "large": "larger bigger", "small": "smaller", "beyond": "beyond",
    "first": "first", "second": "second", "last": "last", "same": "same", "still": "still", "even": "even",
    "again": "another more", "change": "change changes swap swaps", "stay": "stay stays", "which": "which who",
    "whose": "whose", "or": "or", "each": "each every all both", "left out": "none only", "side": "side",
    "eleven": "eleven", "twelve": "twelve",
}  # fmt: skip
_SENSE = {word: sense for sense, words in _SENSES.items() for word in words.split()}
"""Word -> what it says; a wording says each as often, in the same gap."""
_JOINS = frozenset({
    "on", "in", "at", "by", "with", "inside", "within", "beside", "against", "along", "off", "through", "into", "onto",
})  # fmt: skip
"""Words that would relate the things on either side of a gap; none is added."""
_NEUTRAL = re.compile(r"\b(?:in|on|of|from) (?:the|this) (?:picture|image|photo|photograph|scene|view)\b")
_JOINING = """
additionally also away because beginning behold besides but can come comes contains describe description does everything
explain explanation features finally following follows going here how however if imagine including instead just let list
lists means meanwhile moreover move moved moving next notice now observe observer order overall perspective reason rest round
see seeing so standing starting take tell then thing think this those though thus toward towards turn turning viewpoint
visible walk walked walking well were when where whereas while why would yet you
"""
_ALSO = frozenset(_JOINING.split())
"""Words that join sentences and name no thing (ours), beside those a question may use (`comment.PLAIN`)."""


def _words(said: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", said.casefold())


def _changed(before: str, after: str, own: set[str]) -> str:
    """What words in one gap change, in a word or two; "" when they say as much as those before."""
    told = [_told(said) for said in (before, after)]
    if told[0] != told[1]:
        differs = sorted((told[0] - told[1]) + (told[1] - told[0]))
        return "another number" if NUMBER.fullmatch(differs[0]) else "relation words"
    joins = [Counter(w for w in _words(_NEUTRAL.sub(" ", said.casefold())) if w in _JOINS) for said in (before, after)]
    if joins[1] - joins[0]:
        return "relation words"
    if any(w not in PLAIN and w not in _ALSO and w not in own and w not in _SENSE for w in _words(after)):
        return "word that may add something"
    return ""


def _told(said: str) -> Counter[str]:
    """What a gap says: senses of its guarded words, numbers, and whether it denies."""
    low = said.casefold()
    found = Counter(_SENSE[w] for w in _words(low) if w in _SENSE)
    found.update(NUMBER.findall(low))
    if len(NEGATED.findall(low)) % 2:
        found["not"] += 1
    return found


def _article(gap: str, lock: Span) -> str:
    """The gap, with "a" or "an" before a name as the name needs it."""
    if isinstance(lock, Predicate) or not (match := re.search(r"(?<!\w)(a|an) $", gap, re.IGNORECASE)):
        return gap
    needed = a(lock.text if isinstance(lock, Mention) else lock).split(" ")[0]
    if needed not in ("a", "an"):
        return gap
    kept = needed.capitalize() if match[1][0].isupper() else needed
    return gap[: match.start(1)] + kept + " "
