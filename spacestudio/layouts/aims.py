"""What a layout would like, before anything is asked of it: sizes by label, places on the ground, an even spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spacestudio.domain.objects import SceneObject
from spacestudio.layouts.asked import Ask

HORIZON, GROUND = 0.42, 0.95
"""Share of the canvas height at which the ground ends, and at which the nearest thing stands (ours)."""
FILL = 0.36
"""Share of the canvas that all objects together would like to cover (ours)."""


@dataclass(frozen=True)
class Aim:
    """Where one object would like to be, as shares of the canvas: centre x, bottom y, width, height."""

    x: float
    bottom: float
    width: float
    height: float


def typical(o: SceneObject, sizes: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    """Typical (width, height) in metres of an object's name, label, or the label's last word; None when unknown."""
    for key in (o.name, o.label, o.label.lower(), o.label.lower().split()[-1] if o.label.split() else ""):
        if key in sizes:
            return sizes[key]
    return None


def aims(
    objects: Sequence[SceneObject],
    asked: Sequence[Ask],
    z: Sequence[float],
    sizes: Mapping[str, tuple[float, float]],
    aspect: float,
    seed: int,
) -> tuple[Aim, ...]:
    """One aim per object.

    Sizes follow the labels' typical sizes, much compressed (square root: a cup beside a car must stay visible), and shrink
    with distance. Places are spread evenly in an order drawn from the seed, then pushed the way the asked relations want.

    Args:
        z: distance of each object, nearest 1.
        sizes: label -> typical (width, height) in metres.
        aspect: canvas width over height.
    """
    n = len(objects)
    known = [typical(o, sizes) for o in objects]
    heights = [s[1] for s in known if s]
    middle = math.exp(sum(map(math.log, heights)) / len(heights)) if heights else 1.0
    side = min(0.42, math.sqrt(FILL / max(n, 1)))
    wide, tall = [], []
    for k, size in enumerate(known):
        relative = min(1.9, max(0.55, math.sqrt(size[1] / middle))) if size else 1.0
        shape = min(2.6, max(0.4, size[0] / size[1])) if size else 1.0
        height = side * relative * z[k] ** -0.3 * 1.15 / math.sqrt(shape)
        tall.append(min(0.8, max(0.06, height)))
        wide.append(min(0.85, max(0.06, height * shape / aspect)))
    for _ in range(2):  # a thing that carries or holds others is wide enough for them
        for ask in asked:
            if ask.holds and ask.predicate in ("on", "inside"):
                wide[ask.b] = min(0.9, max(wide[ask.b], 1.5 * wide[ask.a]))
                if ask.predicate == "inside":
                    tall[ask.b] = min(0.9, max(tall[ask.b], 1.5 * tall[ask.a]))
    bottom = [HORIZON + (GROUND - HORIZON) * z[k] ** -0.6 for k in range(n)]
    x = _spread(n, seed)
    for _ in range(24):
        for ask in asked:
            a, b = ask.a, ask.b
            if ask.predicate == "left of":
                _push(x, *((a, b) if ask.holds else (b, a)), (wide[a] + wide[b]) / 2 if ask.holds else 0.06)
            elif ask.predicate == "above" and ask.frame == "image":
                _push(bottom, *((a, b) if ask.holds else (b, a)), max(0.1, tall[b] * 0.9) if ask.holds else 0.06)
            elif ask.holds and ask.predicate == "on":
                x[a] = min(max(x[a], x[b] - 0.3 * wide[b]), x[b] + 0.3 * wide[b])
                bottom[a] = bottom[b] - 0.8 * tall[b]
            elif ask.holds and ask.predicate == "inside":
                x[a], bottom[a] = x[b], bottom[b] - 0.15 * tall[b]
            elif ask.holds and ask.predicate in ("near", "beside", "overlapping"):
                room = (wide[a] + wide[b]) * (0.35 if ask.predicate == "overlapping" else 0.6)
                excess = abs(x[a] - x[b]) - room
                if excess > 0:
                    step = excess / 2 * (1 if x[a] < x[b] else -1)
                    x[a], x[b] = x[a] + step, x[b] - step
            elif ask.holds and ask.predicate == "far":
                _push(x, *((a, b) if x[a] < x[b] else (b, a)), 0.5)
    return tuple(
        Aim(min(max(x[k], w / 2), 1 - w / 2), min(max(bottom[k], h), 0.99), w, h)
        for k, (w, h) in enumerate(zip(wide, tall, strict=True))
    )


def _spread(n: int, seed: int) -> list[float]:
    """n even places across the canvas, in an order drawn from the seed."""
    places = np.random.default_rng(seed).permutation(n)
    return [(float(p) + 0.5) / n for p in places]


def _push(values: list[float], low: int, high: int, room: float) -> None:
    """Move two values apart until `high` exceeds `low` by `room`."""
    lack = room - (values[high] - values[low])
    if lack > 0:
        values[low] -= lack / 2
        values[high] += lack / 2
