"""Which of two is nearer or farther?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import Candidate, choose, number, pick
from spacestudio.qa.keys import Asked
from spacestudio.qa.known import Known, finite, known
from spacestudio.qa.scene import Scene

CAP = 6
DIRECT = (
    "Which is {word} to the camera, {a} or {b}?",
    "Of {a} and {b}, which is {word} to the camera?",
    "Which of the two is {word} to the viewer: {a} or {b}?",
)
WITH_DISTANCES = (
    "Which is {word} to the camera, {a} or {b}, and how far away is each?",
    "Of {a} and {b}, which is {word} to the camera? Give both distances.",
    "How far away are {a} and {b}, and which is {word} to the camera?",
)


def questions(scene: Scene) -> list[QAPair]:
    """Pairs whose order in depth is decided; directly, or with both distances where these are metres.

    The answer is named first as often as second, and closer is asked about as often as farther.
    """
    k = known(scene)
    candidates = [c for a, b in k.pairs("depth", "camera") for c in _of_pair(scene, k, a, b)]
    half = CAP // 2
    return choose(candidates, {"first": half, "second": half}, scene.seed, scene.kept, CAP)


def _of_pair(scene: Scene, k: Known, a: str, b: str) -> Iterator[Candidate]:
    relation = k.decided(a, b, "depth", "camera")
    if relation is None or relation.verdict != "true" or relation.predicate not in ("in front of", "behind"):
        return
    near = a if relation.predicate == "in front of" else b
    topic = f"{a}:{b}"
    first, second = (a, b) if number(scene.seed, topic, "first") % 2 else (b, a)
    forms = ["direct"]
    if _metres(scene, near, b if near == a else a):
        forms = ["direct", "distances"] if number(scene.seed, topic, "form") % 2 else ["distances", "direct"]
    word = pick(("closer", "farther"), scene.seed, topic, "word")
    for form in forms:
        for x, y in ((first, second), (second, first)):
            for asked in (word, "farther" if word == "closer" else "closer"):
                answer = near if asked == "closer" else (b if near == a else a)
                key = Asked("nearer", x, asked, y, "camera", form).key
                kind = "first" if answer == x else "second"
                yield Candidate(key, topic, kind, partial(_pair, scene, k, key, relation, x, y, asked, form, answer))


def _pair(scene: Scene, k: Known, key: str, r: Relation, x: str, y: str, asked: str, form: str, answer: str) -> QAPair:
    a, b = k.names[x], k.names[y]
    word = "farther away" if asked == "farther" else asked
    fit = {"a": a.the, "b": b.the, "word": word}
    if form == "direct":
        text = _phrase(pick(DIRECT, scene.seed, key), asked).format(**fit)
        return QAPair(key, "nearer", text, k.names[answer].the, k.facts([x, y], [r]), (a.the, b.the))
    other = y if answer == x else x
    own, rest = k.names[answer], k.names[other]
    said = (
        f"{own.the[0].upper()}{own.the[1:]}: {'they are' if own.plural else 'it is'} {metres(scene, answer)} away, "
        f"{rest.the} {metres(scene, other)}."
    )
    numbers = {
        i: {n: finite(v) for n, v in zip(("p10", "median", "p90"), scene.distances[i], strict=True)} | {"unit": "m"}
        for i in (x, y)
    }
    text = _phrase(pick(WITH_DISTANCES, scene.seed, key), asked).format(**fit)
    return QAPair(key, "nearer", text, said, k.facts([x, y], [r], numbers))


def _phrase(template: str, asked: str) -> str:
    """ "farther away from the camera", where the template says "closer to"."""
    return template.replace("{word} to", "{word} from") if asked == "farther" else template


def _metres(scene: Scene, near: str, far: str) -> bool:
    """Whether both distances are metres and bear out the order (a correction may have overruled it)."""
    if not scene.metric or not (near in scene.distances and far in scene.distances):
        return False
    a, b = scene.distances[near], scene.distances[far]
    return all(math.isfinite(v) and v > 0 for v in (*a, *b)) and a[1] < b[1]


def metres(scene: Scene, object_id: str) -> str:
    """ "about 1.2 m (± 0.1 m)": the median and the larger reach of its 10-90 % range."""
    low, middle, high = scene.distances[object_id]
    reach = max(middle - low, high - middle)
    digits = 1 if reach >= 0.05 else 2
    return f"about {middle:.{digits}f} m (± {max(reach, 0.01):.{digits}f} m)"
