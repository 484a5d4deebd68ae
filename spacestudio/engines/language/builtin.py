"""Scene graphs without a language model: sampled from the common-sense grammar."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.engines.language.grammar import load_grammar, match_scene, sample_scene
from spacestudio.errors import InputError
from spacestudio.relations.relate import family_of
from spacestudio.relations.words import parse_phrase


class GrammarScenes:
    """Everyday scenes, objects, attributes and relations that hold together by construction (ours)."""

    name = "grammar"
    version = "1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def imagine(self, scene: str | None, seed: int) -> SpatialGraph:
        """A graph of 3 to 6 objects for the nearest known scene, or for one drawn by the seed; boxes are (0, 0, 0, 0).

        Raises:
            InputError: no known scene shares a word with the name.
        """
        grammar = load_grammar()
        known = match_scene(grammar, scene) if scene else None
        if scene and known is None:
            some = ", ".join(list(grammar.scenes)[:6])
            raise InputError(
                f"The grammar knows no scene like “{scene}”", f"one of its {len(grammar.scenes)} scenes, such as {some}",
                "Name one of these, or leave the name empty for a surprise",
            )  # fmt: skip
        sampled = sample_scene(grammar, random.Random(f"{seed}:{known}"), known)
        objects: list[SceneObject] = []
        for label, attributes in sampled.objects:
            object_id = fresh_id(label, {o.id for o in objects})
            objects.append(SceneObject(object_id, label, Box(0, 0, 0, 0), tuple(attributes), origin="model"))
        relations = []
        for s, phrase, o in sampled.triplets:
            for predicate in parse_phrase(phrase):
                f = family_of(predicate)
                relations.append(
                    Relation(
                        objects[s].id,
                        predicate,
                        objects[o].id,
                        f.name if f else "other",
                        f.frames[0] if f else "image",
                        origin="model",
                    )
                )
        return SpatialGraph.of(objects, relations, sampled.scene, sampled.negative_objects)

    @staticmethod
    def background_of(scene: str) -> str:
        """What is behind a scene of the grammar, with its ground; the scene's own name when unknown."""
        kind = load_grammar().scenes.get(scene)
        return f"{kind.background}, {kind.ground} ground" if kind else scene

    @staticmethod
    def scenes() -> tuple[str, ...]:
        """Names of the known scenes."""
        return tuple(load_grammar().scenes)

    @staticmethod
    def labels() -> tuple[str, ...]:
        """Names of the known objects."""
        return tuple(load_grammar().objects)

    @staticmethod
    def typical_sizes() -> dict[str, tuple[float, float]]:
        """Label -> typical (width, height) in metres."""
        return {label: (kind.size_m[0], kind.size_m[1]) for label, kind in load_grammar().objects.items()}
