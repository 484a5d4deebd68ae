"""Which questions are asked: by hash, so that a scene keeps its questions when something is added to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spacestudio.domain.dice import number as number
from spacestudio.domain.dice import pick as pick
from spacestudio.domain.dice import shuffled as shuffled
from spacestudio.domain.qa import QAPair

YES, NO = "Yes", "No"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that could be asked.

    Attributes:
        key: of the question.
        topic: the fact it asks about; one question is asked per topic.
        kind: what is balanced: "Yes", "No", or another word for other forms.
        make: writes it.
        tier: lower tiers are asked first.
    """

    key: str
    topic: str
    kind: str
    make: Callable[[], QAPair]
    tier: int = 0


def choose(
    candidates: Iterable[Candidate],
    room: Mapping[str, int],
    seed: int,
    kept: Collection[str] = (),
    limit: int | None = None,
    spread: int = 1,
) -> list[QAPair]:
    """At most `room[kind]` questions of each kind, one per topic, with Yes and No balanced.

    Topics rank by the hash of their name. Of a topic's candidates the first that has room is taken, so a family puts
    the preferred form first. Where Yes and No still differ by more than `spread`, the lowest ranks of the longer side
    change their form, or are left out. Questions a person has touched (`kept`) are always asked; only they may break
    the balance.
    """
    topics: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        topics.setdefault(candidate.topic, []).append(candidate)
    order = sorted(topics, key=lambda t: (topics[t][0].tier, number(seed, "topic", t), t))
    taken: dict[str, Candidate] = {}
    extra: list[Candidate] = []
    for topic in order if kept else ():
        held = [c for c in topics[topic] if c.key in kept]
        if held:
            taken[topic] = held[0]
            extra += held[1:]
    fixed = set(taken)
    _fill(topics, order, taken, extra, room, sum(room.values()) if limit is None else limit)
    _balance(topics, order, taken, extra, fixed, spread)
    return [c.make() for topic in order if topic in taken for c in (taken[topic], *(e for e in extra if e.topic == topic))]


def _fill(
    topics: Mapping[str, list[Candidate]],
    order: Sequence[str],
    taken: dict[str, Candidate],
    extra: Sequence[Candidate],
    room: Mapping[str, int],
    limit: int,
) -> None:
    """First everyone's preferred form, then whatever form has room."""
    left = Counter(room)
    left.subtract(c.kind for c in (*taken.values(), *extra))
    count = len(taken) + len(extra)
    for forms in (slice(0, 1), slice(1, None)):
        for topic in order:
            if topic in taken or count >= limit:
                continue
            for candidate in topics[topic][forms]:
                if left[candidate.kind] > 0:
                    taken[topic] = candidate
                    left[candidate.kind] -= 1
                    count += 1
                    break


def _balance(
    topics: Mapping[str, list[Candidate]],
    order: Sequence[str],
    taken: dict[str, Candidate],
    extra: Sequence[Candidate],
    fixed: Collection[str],
    spread: int,
) -> None:
    """Turns, and where that is impossible leaves out, the lowest ranks of the longer side."""

    def surplus() -> int:
        kinds = Counter(c.kind for c in (*taken.values(), *extra))
        return kinds[YES] - kinds[NO]

    while abs(difference := surplus()) > spread:
        long, short = (YES, NO) if difference > 0 else (NO, YES)
        free = [t for t in reversed(order) if t in taken and t not in fixed and taken[t].kind == long]
        if not free:
            return
        turned = ((t, c) for t in free for c in topics[t] if c.kind == short)
        topic, twin = next(turned, (free[0], None))
        if twin is not None and abs(difference) > 1:
            taken[topic] = twin
        else:
            del taken[free[0]]


def with_balanced_options(pairs: Sequence[QAPair], seed: int) -> list[QAPair]:
    """The options rotated so that, among questions with as many options, the answer stands in each place equally often.

    Each question has a place of its own by hash; only as many as needed leave it.
    """
    out = list(pairs)
    sizes: dict[int, list[int]] = {}
    for index, pair in enumerate(pairs):
        if len(pair.options) > 1 and pair.answer in pair.options:
            sizes.setdefault(len(pair.options), []).append(index)
    for size, rows in sizes.items():
        place = {i: number(seed, "place", pairs[i].key) % size for i in rows}
        ranked = sorted(rows, key=lambda i: number(seed, "move", pairs[i].key))
        while True:
            counts = Counter(dict.fromkeys(range(size), 0))
            counts.update(place.values())
            most, least = max(counts, key=lambda p: (counts[p], -p)), min(counts, key=lambda p: (counts[p], p))
            if counts[most] - counts[least] <= 1:
                break
            place[next(i for i in ranked if place[i] == most)] = least
        for i in rows:
            options = pairs[i].options
            turn = (options.index(pairs[i].answer) - place[i]) % size
            out[i] = pairs[i].but(options=options[turn:] + options[:turn])
    return out
