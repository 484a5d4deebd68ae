"""Depth maps against true ones: does the order of pixel pairs agree, and how far are normalised and metric depths off?

SEEDS 4.4: laser depth is metric and an estimate often is not, so compare order, or normalise both per picture before
relative errors. AbsRel, RMSE, log10 and delta1 are the usual ones of monocular depth (Eigen, Puhrsch and Fergus, NIPS 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.dice import number
from spacestudio.geometry.resample import resampled
from spacestudio.metrics.interval import bootstrap_ratio
from spacestudio.metrics.report import Cell, Figure, Item, Report, Table

Align = Literal["none", "median", "affine"]
ALIGN: tuple[Align, ...] = ("none", "median", "affine")
PAIRS = 5000
TAU = 0.05
NEAR = 0.05
"""Truths nearer than this share of the range are left out of normalised relative errors (ours), and counted."""
WORST = 30
DELTA = 1.25
REVERSED = 0.25
"""With fewer pairs in order than this, near and far look exchanged (ours)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """How one picture's depth compares.

    Attributes:
        name: of the picture.
        pixels: how many hold a depth in both maps.
        ordered, agreed: pixel pairs that the truth orders beyond the tie band, and those the estimate orders the same way.
        ties, tied: pairs within the band, and those within it in the estimate too.
        normalised: MSE, AbsRel, SqRel of depths in [0, 1]; RMSE is the root of MSE.
        metric: AbsRel, MSE (m²), log10, delta1 of depths in metres after alignment; empty where metres can't be compared.
        too_near: pixels left out of normalised relative errors.
    """

    name: str
    pixels: int
    ordered: int
    agreed: int
    ties: int
    tied: int
    normalised: Mapping[str, float]
    metric: Mapping[str, float]
    too_near: int

    @property
    def order(self) -> float | None:
        """Share of ordered pairs that agree."""
        return self.agreed / self.ordered if self.ordered else None


def judge(
    name: str,
    truth: DepthMap,
    predicted: DepthMap,
    pairs: int = PAIRS,
    seed: int = 0,
    tau: float = TAU,
    align: Align = "none",
    farthest: float = 0.0,
) -> Judged | None:
    """One picture; None where the two share fewer than two pixels with a depth.

    Args:
        name: of the picture; with the seed it decides which pairs are looked at.
        truth, predicted: any kinds and sizes; the estimate is resampled to the truth, nearest neighbour.
        pairs: pixel pairs drawn.
        seed: of the draw.
        tau: tie band on the truth's depth in [0, 1].
        align: what the estimate is fitted by before it is compared in metres: nothing, one factor (the ratio of medians),
            or scale and shift by least squares (in 1/metres where it is a disparity).
        farthest: true depths beyond are left out, in metres; 0 for none.
    """
    height, width = truth.values.shape
    predicted = resampled(predicted, width, height)
    valid = truth.valid & predicted.valid
    if farthest > 0 and truth.kind == "metric":
        valid &= truth.values <= farthest
    n = int(valid.sum())
    if n < 2:
        return None
    one, other = (_farness(depth, valid) for depth in (truth, predicted))
    rng = np.random.default_rng(number(seed, "pixel pairs", name))
    first, second = rng.integers(0, n, (2, pairs))
    here, there = one[second] - one[first], other[second] - other[first]
    ties = np.abs(here) < tau
    agreed = ~ties & (np.sign(here) == np.sign(there))
    off, far = other - one, one >= NEAR
    safe = one[far]
    normalised = {"MSE": float((off**2).mean())}
    if far.any():
        normalised |= {
            "AbsRel": float((np.abs(off[far]) / safe).mean()),
            "SqRel": float((off[far] ** 2 / safe).mean()),
        }
    return Judged(
        name,
        n,
        int((~ties).sum()),
        int(agreed.sum()),
        int(ties.sum()),
        int((ties & (np.abs(there) < tau)).sum()),
        normalised,
        _metric(truth, predicted, valid, align),
        int((~far).sum()),
    )


def _farness(depth: DepthMap, valid: NDArray[np.bool_]) -> Floats:
    """(N,) farness in [0, 1] between the percentiles of the N shared pixels."""
    return DepthMap(depth.values, depth.kind, valid, depth.source).farness()[valid].astype(np.float64)


def _metric(truth: DepthMap, predicted: DepthMap, valid: NDArray[np.bool_], align: Align) -> dict[str, float]:
    if truth.kind != "metric" or (predicted.kind != "metric" and align == "none"):
        return {}
    metres = _aligned(truth.values[valid].astype(np.float64), predicted.values[valid].astype(np.float64), predicted, align)
    if metres is None:
        return {}
    true = truth.values[valid].astype(np.float64)
    used = (metres > 0) & np.isfinite(metres)
    if not used.any():
        return {}
    true, metres = true[used], metres[used]
    ratio = np.maximum(true / metres, metres / true)
    return {
        "AbsRel": float((np.abs(metres - true) / true).mean()),
        "MSE": float(((metres - true) ** 2).mean()),
        "log10": float(np.abs(np.log10(metres / true)).mean()),
        "delta1": float((ratio < DELTA).mean()),
        "pixels": float(used.sum()),
    }


def _aligned(true: Floats, values: Floats, predicted: DepthMap, align: Align) -> Floats | None:
    """(N,) the estimate in metres; None where it can't be brought to metres this way."""
    disparity = predicted.kind == "disparity"
    if align == "affine":
        wanted = 1 / true if disparity else true
        (scale, shift), *_ = np.linalg.lstsq(np.stack((values, np.ones_like(values)), 1), wanted, rcond=None)
        fitted = scale * values + shift
        with np.errstate(divide="ignore"):
            return np.asarray(1 / fitted if disparity else fitted)
    if disparity:
        return None  # 1/d is proportional to depth only where nothing is infinitely far (SEEDS 4.3)
    if align == "median":
        middle = float(np.median(values))
        return values * (float(np.median(true)) / middle) if middle > 0 else None
    return values


def score(
    found: Sequence[Judged],
    align: Align = "none",
    tau: float = TAU,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """A report on judged pictures: each picture counts once, whatever its size."""
    figures = [_pooled("order", [(f.agreed, f.ordered) for f in found])]
    figures.append(_pooled("order_with_ties", [(f.agreed + f.tied, f.ordered + f.ties) for f in found]))
    for name in ("MSE", "AbsRel", "SqRel"):
        figures += _means(f"normalised_{name}", [f.normalised[name] for f in found if name in f.normalised])
    for name in ("AbsRel", "MSE", "log10", "delta1"):
        figures += _means(f"metric_{name}", [f.metric[name] for f in found if name in f.metric], name == "delta1")
    told = {
        "n_images": len(found), "n_pairs": sum(f.ordered + f.ties for f in found), "n_ties": sum(f.ties for f in found),
        "n_pixels": sum(f.pixels for f in found), "n_too_near": sum(f.too_near for f in found),
        "n_metric": sum(bool(f.metric) for f in found),
    }  # fmt: skip
    lacking = sum(not f.metric for f in found)
    more = [f"{lacking} of {len(found)} pictures can't be compared in metres with align “{align}”."] if lacking else []
    turned = [f.name for f in found if f.order is not None and f.order < REVERSED]
    if turned:
        more.append(f"{len(turned)} pictures are in reverse order, {turned[0]} first: is the estimate's kind right?")
    return Report(
        "Depth",
        f"ours: order of seeded pixel pairs whose true depths differ by {tau:g} or more of the range; "
        f"errors after both are normalised to [0, 1] per picture (1st to 99th percentile of shared pixels); metric errors "
        f"with align “{align}”; every picture counts once; intervals resample pictures",
        tuple(figures),
        {**(counts or {}), **told},
        (_per_image(found),) if found else (),
        None,
        tuple(_item(f) for f in sorted(found, key=lambda f: (f.order if f.order is not None else 1.0, f.name))[:WORST]),
        (*notes, *more),
    )


def _pooled(name: str, shares: Sequence[tuple[int, int]]) -> Figure:
    """Mean over pictures of a share, in %."""
    known = [(a / b) for a, b in shares if b]
    return _mean(name, known, "%", 100)


def _means(name: str, values: Sequence[float], share: bool = False) -> list[Figure]:
    """A mean over pictures, and for a mean square its root; nothing where no picture has it."""
    if not values:
        return []
    if not name.endswith("MSE"):
        return [_mean(name, values, "%" if share else "", 100 if share else 1)]
    square = _mean(name, values, "", 1)
    roots = [float(np.sqrt(v)) for v in values]
    return [square, _mean(f"{name.removesuffix('MSE')}RMSE", roots, "", 1)]


def _mean(name: str, values: Sequence[float], unit: str, times: float) -> Figure:
    if not values:
        return Figure(name, None, 0, unit=unit)
    ends = bootstrap_ratio(values, np.ones(len(values)))
    value = float(np.mean(values)) * times
    return Figure(name, value, len(values), unit=unit) if ends is None else Figure(
        name, value, len(values), ends[0] * times, ends[1] * times, unit
    )  # fmt: skip


def _per_image(found: Sequence[Judged]) -> Table:
    columns = ("image", "pixels", "pairs", "order", "RMSE (normalised)", "AbsRel (normalised)", "AbsRel (metric)", "delta1")
    rows: list[tuple[Cell, ...]] = []
    for f in found:
        order = None if f.order is None else round(100 * f.order, 4)
        normal = round(float(np.sqrt(f.normalised["MSE"])), 6), _digits(f.normalised.get("AbsRel"))
        metric = _digits(f.metric.get("AbsRel")), _digits(f.metric.get("delta1"), 100)
        rows.append((f.name, f.pixels, f.ordered, order, *normal, *metric))
    return Table("Per image", columns, tuple(rows))


def _digits(value: float | None, times: float = 1) -> float | None:
    return None if value is None else round(value * times, 6)


def _item(f: Judged) -> Item:
    order = f.order if f.order is not None else 0.0
    error = float(np.sqrt(f.normalised["MSE"]))
    return Item(f.name, f.name, round(order, 4), f"{f.agreed} of {f.ordered} pairs in order; normalised RMSE {error:.3f}")
