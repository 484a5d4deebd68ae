"""Where in the picture is the …?"""

from __future__ import annotations

from functools import partial

from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import Candidate, choose, pick, shuffled
from spacestudio.qa.known import Known, finite, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.position import BAND, CELLS, positions_of_points

CAP = 6
WORDINGS = (
    "Divide the picture into three by three parts. In which part is the center of {the}?",
    "Where in the picture {be} {the}, going by the center: {options}?",
    "In which part of the picture does the center of {the} lie?",
    "Which part of the picture holds the center of {the}?",
)


def questions(scene: Scene) -> list[QAPair]:
    """The part of a 3 × 3 grid that holds the center of an object's box; four options."""
    k = known(scene)
    candidates = []
    for i in k.names:
        cell = cell_of(k.objects[i], scene)
        if cell:
            key = f"position:{i}:part:image:choice"
            candidates.append(Candidate(key, key, "choice", partial(_pair, scene, k, key, i, cell)))
    return choose(candidates, {"choice": CAP}, scene.seed, scene.kept)


def cell_of(o: SceneObject, scene: Scene) -> str | None:
    """The part that holds the center of its box; None within `BAND` of a line or outside the picture."""
    if scene.width <= 0 or scene.height <= 0:
        return None
    found = positions_of_points([center_of(o, scene)])
    return str(found.cell[0]) if found.verdict[0] == "true" else None


def center_of(o: SceneObject, scene: Scene) -> tuple[float, float]:
    """Of its box, as shares of the picture."""
    x, y = o.box.center
    return x / scene.width, y / scene.height


def _pair(scene: Scene, k: Known, key: str, object_id: str, cell: str) -> QAPair:
    name = k.names[object_id]
    others = shuffled([c for c in CELLS if c != cell], scene.seed, key)[:3]
    options = tuple(shuffled([cell, *others], scene.seed, key, "options"))
    listed = f"{', '.join(options[:-1])} or {options[-1]}"
    question = pick(WORDINGS, scene.seed, key).format(the=name.the, be=name.be, options=listed)
    x, y = center_of(k.objects[object_id], scene)
    numbers = {"center_x": finite(x), "center_y": finite(y)}
    facts = k.facts([object_id], numbers=numbers, thresholds={"grid line": BAND}, found={"part": cell})
    return QAPair(key, "position", question, cell, facts, options)
