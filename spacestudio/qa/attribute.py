"""What colour, material or state?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import NO, YES, Candidate, choose, number, pick, shuffled
from spacestudio.qa.keys import label_slug
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import Name, attributes_of, excluded, kind_of, listing

ROOM = {YES: 2, NO: 2, "open": 2}
CAP = 6
OPEN = {
    "colour": ("What colour {be} {the}?", "Which colour {do} {the} have?", "What is the colour of {the}?"),
    "material": (
        "What {be} {the} like: {options}?",
        "Which of these words fits {the}: {options}?",
        "Of what kind {be} {the}: {options}?",
    ),
    "": ("{Be} {the} {options}?", "Which word fits {the}: {options}?", "How would you describe {the}: {options}?"),
}
YES_NO = ("{Be} {the} {word}?", "{Be} {the} in the picture {word}?", "Would you describe {the} as {word}?")


def questions(scene: Scene) -> list[QAPair]:
    """Colours asked openly, materials and opposites by choice, and yes or no with a right or a clearly wrong word."""
    k = known(scene)
    candidates = [c for i in k.names for c in _of(scene, k, i)]
    return choose(candidates, ROOM, scene.seed, scene.kept, CAP)


def _of(scene: Scene, k: Known, object_id: str) -> Iterator[Candidate]:
    """Per kind of attribute one topic: openly, or with the right word, or with a wrong one."""
    words = attributes_of(k.objects[object_id])
    kinds: dict[str, list[str]] = {}
    for word in words:
        kinds.setdefault(kind_of(word) or f"={word.casefold()}", []).append(word)
    label = k.names.labels[object_id].casefold().split()
    for kind, own in kinds.items():
        name = k.names.without(object_id, own)
        if name is None or any(word.casefold() in label for word in own):
            continue
        topic = f"attribute:{object_id}:{label_slug(kind)}"
        forms: list[Candidate] = []
        if not kind.startswith("=") and (kind == "colour" or len(own) == 1):
            key = f"attribute:{object_id}:{'colour' if kind == 'colour' else label_slug(kind)}:image:open"
            forms.append(Candidate(key, topic, "open", partial(_open, scene, k, key, object_id, name, kind, own)))
        if len(own) == 1:
            forms.append(_yes_no(scene, k, topic, object_id, name, kind, own[0], own, True))
        wrong = set.intersection(*(set(excluded(word)) for word in own)) - {w.casefold() for w in words}
        if wrong:
            word = shuffled(wrong, scene.seed, topic)[0]
            forms.append(_yes_no(scene, k, topic, object_id, name, kind, word, own, False))
        yield from sorted(forms, key=lambda c: number(scene.seed, "form", topic, c.kind))


def _yes_no(
    scene: Scene, k: Known, topic: str, object_id: str, name: Name, kind: str, word: str, own: list[str], holds: bool
) -> Candidate:
    key = f"attribute:{object_id}:{label_slug(word)}:image:yes-no"

    def make() -> QAPair:
        question = pick(YES_NO, scene.seed, key).format(Be=name.be.capitalize(), the=name.the, word=word)
        facts = k.facts([object_id], found={"attributes": own, "asked": word})
        return QAPair(key, "attribute", question, YES if holds else NO, facts)

    return Candidate(key, topic, YES if holds else NO, make)


def _open(scene: Scene, k: Known, key: str, object_id: str, name: Name, kind: str, own: list[str]) -> QAPair:
    options: tuple[str, ...] = ()
    if kind != "colour":
        others = shuffled(excluded(own[0]), scene.seed, key)[:3]
        options = tuple(shuffled([own[0], *others], scene.seed, key, "options"))
    wording = pick(OPEN.get(kind, OPEN[""]), scene.seed, key)
    listed = listing(options) if options else ""
    question = wording.format(Be=name.be.capitalize(), be=name.be, do=name.do, the=name.the, options=listed)
    facts = k.facts([object_id], found={"attributes": own})
    return QAPair(key, "attribute", question, listing(own, "and"), facts, options)
