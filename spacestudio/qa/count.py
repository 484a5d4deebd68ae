"""How many …s are there?"""

from __future__ import annotations

from functools import partial

from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import Candidate, choose, pick
from spacestudio.qa.keys import label_slug
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import is_plural, is_uncounted, plural

CAP = 4
WORDINGS = (
    "How many {things} are there in the picture?",
    "How many {things} does the picture show?",
    "How many {things} can you see in this picture?",
    "What is the number of {things} in the picture?",
)


def questions(scene: Scene) -> list[QAPair]:
    """One question per label, answered in digits.

    Not asked while an object of the graph is unnamed (it may be one more), of things one does not count, of a label
    that others end with ("glass" beside "wine glass"), and where more of the kind is in the picture than in the graph.
    """
    k = known(scene)
    if not k.complete:
        return []
    candidates = []
    for label, ids in k.names.groups.items():
        if k.names.alone(label) and not is_plural(label) and not is_uncounted(label):
            key = f"count:{label_slug(label)}:count:image:number"
            candidates.append(Candidate(key, key, "number", partial(_pair, scene, k, key, label), int(len(ids) == 1)))
    return choose(candidates, {"number": CAP}, scene.seed, scene.kept)


def _pair(scene: Scene, k: Known, key: str, label: str) -> QAPair:
    ids = k.names.groups[label]
    question = pick(WORDINGS, scene.seed, key).format(things=plural(k.names.labels[ids[0]]))
    return QAPair(key, "count", question, str(len(ids)), k.facts(ids, found={"label": label, "count": len(ids)}))
