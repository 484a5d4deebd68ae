"""A sample read from a folder -> events in this store."""

from __future__ import annotations

from spacestudio.domain.events import Event, fold
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.services.begin import depth_events, object_events
from spacestudio.services.estimate import Estimate
from spacestudio.services.find import Found
from spacestudio.services.payloads import to_png
from spacestudio.store.blobs import Blobs


def events_of(sample: Sample, blobs: Blobs) -> list[Event]:
    """Its own log when the picture and depth it refers to are in the folder, else a fresh one that makes the same sample."""
    image = blobs.put(to_png(sample.image))
    kept_input = {"name": sample.input[0], "blob": blobs.put(sample.input[1])} if sample.input else None
    runs = {run.stage: run for run in sample.provenance}
    depth_run = runs.get("depth", EngineRun("depth", "file"))
    camera = sample.camera if sample.camera and not sample.camera.is_assumed else None
    depth = depth_events(Estimate(sample.depth, None, depth_run), camera, blobs, 2)
    if sample.events:
        state = fold(sample.events)
        same_picture = state.created.get("image") == image and state.created.get("input") == kept_input
        if same_picture and (state.depth or {}).get("blob") == depth[0].payload["blob"]:
            return list(sample.events)
    created = {
        "name": sample.name,
        "image": image,
        "width": sample.width,
        "height": sample.height,
        "input": kept_input,
        "parent": sample.parent,
        "warnings": list(sample.warnings),
        "scene": sample.graph.scene,
        "negative_objects": list(sample.graph.negative_objects),
    }
    objects = object_events(Found(sample.objects, runs.get("objects"), runs.get("masks")), 3)
    return [Event(1, "created", created), *depth, *objects]
