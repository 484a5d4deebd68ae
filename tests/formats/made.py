"""Two small samples with everything a sample can carry."""

from __future__ import annotations

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import EngineRun, Layer, Sample
from spacestudio.geometry.measure import measure
from spacestudio.geometry.unproject import to_cloud
from spacestudio.relations.relate import relate
from tests.support import disc, small_scene


def full_sample(name: str = "made-0001") -> Sample:
    """Three objects (one without a mask), holes in the depth, corrections, a target, questions of every status."""
    image, depth, _, objects = small_scene()
    height, width = image.shape[:2]
    values, valid = depth.values.copy(), depth.valid.copy()
    valid[:4, :7] = False
    values[~valid] = 0
    depth = DepthMap(values, "metric", valid, "made by hand")
    camera = Camera(60.123456, 60.5, 31.25, 23.75, width, height, "assumed")
    bare = SceneObject("black-cat-1", "cat", Box(2, 30.5, 14.25, 46), ("black",), origin="model", score=0.8125)
    objects = (*objects, bare)
    graph = relate(objects, measure(objects, width, height, depth, camera), "room", ("person", "dog"), ("60° assumed",))
    pin = Relation(
        "ball-1", "in front of", "lamp-1", "depth", "camera", verdict="true", origin="person",
        evidence={"pin": "overrules", "measured": {"predicate": "behind", "margin": -0.25, "verdict": "false"}},
    )  # fmt: skip
    words = Relation("lamp-1", "shines on", "ball-1", "other", "image", origin="person")
    graph = graph.but(relations=[*(r for r in graph if r.key != pin.key), pin, words])
    moved = Relation("ball-1", "right of", "lamp-1", "direction", "image", origin="person")
    target = graph.but(relations=[moved])
    qa = (
        QAPair("k1", "relation", "Is the ball left of the lamp?", "Yes", {"margin": 0.42, "ids": ["ball-1", "lamp-1"]}),
        QAPair("k2", "nearer", "Which is nearer?", "the lamp", {}, ("the ball", "the lamp"), "person", "accepted"),
        QAPair("k3", "count", "How many lamps are there?", "1", {"n": 1}, (), "geometry", "accepted"),
        QAPair("k4", "count", "How many balls?", "2", {}, (), "person", "accepted", "in conflict"),
        QAPair("k5", "count", "How many cats?", "1", {}, (), "person", "accepted", "stale"),
        QAPair("k6", "count", "How many dogs?", "1", {}, (), "person", "rejected"),
        QAPair("k7", "count", "How many cups?", "1", {}, (), "person", "flagged"),
    )
    events = (
        Event(1, "created", {"name": "made", "size": [width, height], "ratio": 0.1234567890123}, "", "2026-11-21T06:00:00Z"),
        Event(2, "rename", {"name": 'Zürich\n"quoted"'}, "Ada", "2026-11-21T06:00:01Z", "g1"),
        Event(3, "undo", {}, "Ada", "2026-11-21T06:00:02Z"),
    )
    return Sample(
        id=name, name="Zürich", image=image, graph=graph, depth=depth, camera=camera,
        cloud=to_cloud(image, depth, camera, objects),
        layers=(Layer(1, 0.0, 0.25, ("ball-1",)), Layer(2, 0.25, 1.0, ("lamp-1", "black-cat-1"))),
        target=target,
        layout=Layout(512, 384, {"ball-1": Box(300, 10, 400, 110.5), "lamp-1": Box(0, 0, 90, 90)}, ("lamp-1", "ball-1"),
                      {"ball-1": "red ball"}, "a room", "a red ball right of a lamp", "person", ("the lamp was moved",)),
        verdicts=(moved,), qa=qa, review="accepted", parent="made-0000",
        provenance=(EngineRun("depth", "builtin", "1", {"ratio": 10}, 7), EngineRun("objects", "drawn")),
        warnings=("Assumed millimetres.",), clashes=((pin, words),), input=("Photo (1).JPG", b"\xff\xd8bytes"), events=events,
    )  # fmt: skip


def plain_sample(name: str = "plain-0002") -> Sample:
    """A picture with two objects and nothing else."""
    image = np.full((20, 30, 3), 128, np.uint8)
    a = SceneObject("cup-1", "cup", Box(1, 2, 10, 12), mask=disc(20, 30, 5, 7, 4), origin="person")
    b = SceneObject("plate-1", "orange plate", Box(15, 2, 29, 12), ("old",), origin="file", score=0.5)
    says = Relation("plate-1", "right of", "cup-1", "direction", "image", 0.5, 0.05)
    qa = (QAPair("q", "relation", "Where is the cup?", "Left of the plate."),)
    return Sample(name, "plain", image, SpatialGraph.of((a, b), [says]), qa=qa)
