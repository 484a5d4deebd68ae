"""Graph -> the questions of a scene."""

from __future__ import annotations

from collections.abc import Sequence

from spacestudio.domain.qa import QAPair
from spacestudio.qa import FAMILIES
from spacestudio.qa.choose import with_balanced_options
from spacestudio.qa.scene import Scene


def ask(scene: Scene, families: Sequence[str] | None = None) -> tuple[QAPair, ...]:
    """The scene's questions, families in the order of the registry; the same scene and seed give the same questions.

    Args:
        scene: the picture's own graph with verdicts.
        families: some of `FAMILIES`; all when None.

    Raises:
        UnknownName: no such family.
    """
    for name in families or ():
        FAMILIES[name]
    pairs: dict[str, QAPair] = {}
    for name in FAMILIES:
        if families is None or name in families:
            for pair in FAMILIES.load(name)(scene):
                pairs.setdefault(pair.key, pair)
    return tuple(with_balanced_options(list(pairs.values()), scene.seed))
