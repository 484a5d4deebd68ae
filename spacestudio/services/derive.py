"""Everything that follows from a sample's state: layers, cloud, graph, views, clashes, questions, target and verdicts.

Nothing here is stored: the same events always give the same sample. A later change re-derives what depends on it;
what a person set is laid over the measurement and marked, never lost.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event, State, fold
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import EngineRun, Layer, Sample
from spacestudio.errors import ImpossibleGraph, LayoutError
from spacestudio.geometry.open3d_room import backend
from spacestudio.qa.ask import ask
from spacestudio.qa.merge import merge
from spacestudio.qa.scene import Scene
from spacestudio.reasoning.consistency import clashes
from spacestudio.relations.relate import VIEWS, Pins, corrected_view, measured_view, with_pins
from spacestudio.services.arrange import plan
from spacestudio.services.lift import Lifted, Lifter, Memo, corrected_layers, frozen, lift_key
from spacestudio.services.payloads import from_png, graph_of, layout_of, run_of
from spacestudio.services.scene import scene_of
from spacestudio.services.verify import blind, verify
from spacestudio.store.blobs import Blobs


class Deriver:
    """Samples from events, over a store of pictures and depth maps. Results are kept while their inputs stay the same."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self._arrays, self._stages, self._lifter = Memo(24), Memo(48), Lifter()

    def picture(self, digest: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8"""
        return self._arrays.get(("picture", digest), lambda: from_png(self.blobs.get(digest)))

    def depth(self, p: Mapping[str, Any]) -> DepthMap:
        """The depth map of a `depth` payload."""

        def load() -> DepthMap:
            values = self.blobs.get_array(p["blob"]).astype(np.float32)
            valid = np.isfinite(values)
            return DepthMap(np.where(valid, values, np.float32(0)), p["kind"], valid, p["source"])

        return self._arrays.get(("depth", p["blob"], p["kind"], p["source"]), load)

    def sample(self, sample_id: str, events: Sequence[Event]) -> Sample:
        """The sample these events make."""
        state = fold(events)
        created = state.created
        image = self.picture(created["image"])
        height, width = image.shape[:2]
        depth, camera = self.depth_and_camera(state, width, height)
        lifted = self._lifter.lift(state, image, depth, camera)
        measured = lift_key(state)
        said = "said", measured, frozen(state.pins)
        graph, views, layers, found = self._stages.get(said, lambda: self._corrected(lifted, measured, state.pins))
        qa = self._questions(state, said, layers, graph, views, depth, found, image)
        asked = target_of(state, graph)
        layout, problem = self._planned(state, graph, asked, (width, height)) if asked else (None, "")
        if not state.wants and created.get("layout"):
            layout = layout_of(created["layout"])
        own = not state.wants  # else a photo is asked for what it does not have to show
        unsure = blind(state.runs.get("objects", {}).get("engine", ""), graph) if own else ""
        verified = "verified", said, frozen(vars(state.wants)), frozen(created.get("asked")), unsure
        verdicts = self._stages.get(verified, lambda: verify(asked, graph, lifted.variants, unsure=unsure)) if asked else ()
        warnings = [*created.get("warnings", ()), *(state.depth or {}).get("warnings", ())]
        if depth is not None and depth.kind == "metric" and camera is not None and camera.is_assumed:
            warnings.append("Sideways lengths assume a 60° field of view: no camera was given.")
        return Sample(
            sample_id,
            state.name,
            image,
            graph,
            depth,
            camera,
            lifted.cloud,
            layers,
            views,
            asked,
            layout,
            verdicts,
            qa,
            state.review,
            created.get("parent"),
            _runs(state, lifted.cloud),
            tuple(warnings),
            found,
            self._input(created),
            tuple(events),
            problem,
            bool(state.wants),
            lifted.space,
            lifted.variants,
        )

    def _corrected(
        self, lifted: Lifted, measured: Hashable, pins: Pins
    ) -> tuple[SpatialGraph, Mapping[str, tuple[Relation, ...]], tuple[Layer, ...], tuple[tuple[Relation, ...], ...]]:
        """What was measured with the person's corrections laid over it: graph, views and layers; and what then clashes."""
        graph = with_pins(lifted.graph, pins)
        turned = self._stages.get(
            ("views", measured), lambda: {view: measured_view(view, lifted.objects, lifted.variants) for view in VIEWS}
        )
        views = {str(view): corrected_view(view, turned[view], graph) for view in VIEWS}
        return graph, views, corrected_layers(lifted.layers, pins), tuple(clashes(graph)) if pins else ()

    def depth_and_camera(self, state: State, width: int, height: int) -> tuple[DepthMap | None, Camera | None]:
        """Depth and camera of a state.

        A person's camera counts over the file's, that over the assumed one; a known length makes metres.
        """
        depth = self.depth(state.depth) if state.depth and state.depth.get("blob") else None
        given = state.camera or (state.depth or {}).get("camera")
        camera = Camera(**given) if given else Camera.assumed(width, height)
        if depth is None or state.scale is None or depth.kind == "metric":
            return depth, camera
        relative, scale = depth, state.scale
        key = "scaled", state.depth["blob"] if state.depth else "", scale
        return self._arrays.get(key, lambda: _scaled(relative, scale)), camera

    def _input(self, created: Mapping[str, Any]) -> tuple[str, bytes] | None:
        if not created.get("input"):
            return None
        return created["input"]["name"], self.blobs.get(created["input"]["blob"])

    def _questions(
        self,
        state: State,
        said: Hashable,
        layers: tuple[Layer, ...],
        graph: SpatialGraph,
        views: Mapping[str, tuple[Relation, ...]],
        depth: DepthMap | None,
        found: tuple[tuple[Relation, ...], ...],
        image: NDArray[np.uint8],
    ) -> tuple[QAPair, ...]:
        touched, unlisted = frozenset({*state.qa_edits, *state.qa_status}), frozenset(state.unlisted)

        def asked() -> tuple[Scene, tuple[QAPair, ...]]:
            scene = scene_of(graph, views, layers, depth, found, image.shape[1], image.shape[0])
            scene = replace(scene, unlisted=unlisted, seed=int(state.created["image"][:8], 16), kept=touched)
            return scene, ask(scene)

        scene, derived = self._stages.get(("ask", said, unlisted, touched), asked)
        return merge(derived, state.qa_edits, state.qa_status, scene)

    def _planned(
        self, state: State, graph: SpatialGraph, asked: SpatialGraph, size: tuple[int, int]
    ) -> tuple[Layout | None, str]:
        def make() -> tuple[Layout | None, str]:
            try:
                return plan(asked, graph, state.wants, size), ""
            except (ImpossibleGraph, LayoutError) as error:
                return None, str(error)

        if not state.wants:
            return None, ""
        return self._stages.get(("plan", size, frozen(vars(state.wants)), _starting_from(graph)), make)


def _starting_from(graph: SpatialGraph) -> Hashable:
    """What a layout takes from the picture it starts from: its things, where they are, and who is in front of how many."""
    things = tuple((o.id, o.label, o.attributes, o.box, o.depth is None) for o in graph.objects)
    t = graph.table
    nearer = t.subject[(t.predicate == "in front of") & (t.verdict == "true")]
    return things, tuple(np.bincount(nearer, minlength=len(graph)).tolist()), graph.scene, graph.negative_objects


def _scaled(depth: DepthMap, metres_per_unit: float) -> DepthMap:
    """A relative map made metric by a known length."""
    return DepthMap.of(depth.distance() * np.float32(metres_per_unit), "metric", f"{depth.source}, scaled by a known length")


def target_of(state: State, graph: SpatialGraph) -> SpatialGraph | None:
    """The graph a new picture should show: this one's objects with the wanted changes, and the wanted relations."""
    wants = state.wants
    if not wants:
        asked = state.created.get("asked")
        return graph_of(asked) if asked else None
    objects = []
    for o in graph.objects:
        if o.id not in wants.removed:
            changed = wants.objects.get(o.id)
            objects.append(o.but(label=changed["label"], attributes=tuple(changed["attributes"])) if changed else o)
    for object_id, p in wants.objects.items():
        if object_id not in graph:
            objects.append(SceneObject(object_id, p["label"], Box(0, 0, 0, 0), tuple(p["attributes"])))
    known = {o.id for o in objects}
    relations = [
        Relation(p["subject"], p["predicate"], p["object"], p["family"], p["frame"], origin="person")
        for p in wants.relations.values()
        if p["subject"] in known and p["object"] in known
    ]
    return SpatialGraph.of(objects, relations, graph.scene, graph.negative_objects)


def _runs(state: State, cloud: PointCloud | None) -> tuple[EngineRun, ...]:
    """The engines that made the sample; NumPy unprojects the cloud, Open3D where it can be used finds floor and boxes."""
    runs = dict(state.runs)
    if cloud is not None:
        runs["cloud"] = {"stage": "cloud", "engine": "numpy", "version": np.__version__}
        name, _, version = backend().partition(" ")
        runs["space"] = {"stage": "space", "engine": name, "version": version}
    return tuple(run_of(p) for _, p in sorted(runs.items()))
