"""score depth: depth maps against true ones, Make3D's laser grids among them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from spacestudio.domain.depth import DepthKind
from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.formats.door import counted
from spacestudio.formats.make3d import read_any_depth
from spacestudio.formats.predictions import naming
from spacestudio.metrics.depth import ALIGN, PAIRS, TAU, Align, Judged, judge, score
from spacestudio.metrics.report import Report
from spacestudio.services.intake import DEPTH_FILES, matching_stem
from spacestudio.services.scores import Choice, Scorer, Slot, flat_json

SUFFIXES = {*DEPTH_FILES, ".mat"}


def _score(files: Mapping[str, Path], choices: Mapping[str, Any]) -> Report:
    align, tau, pairs = _checked(choices)
    truths, estimates = _files(files["truth"]), _files(files["predicted"])
    single = files["truth"].is_file() and files["predicted"].is_file()
    by_name = {_name(path): path for path in reversed(estimates)}
    found: list[Judged] = []
    problems: list[str] = []
    missing: list[str] = []
    assumed: dict[str, int] = {}
    for path in truths:
        match = estimates[0] if single else by_name.get(_name(path))
        if match is None:
            missing.append(path.name)
            continue
        try:
            truth, notes = read_any_depth(path, _kind(choices, "truth_kind"), _scale(choices, "truth_scale"))
            estimate, more = read_any_depth(match, _kind(choices, "predicted_kind"), _scale(choices, "predicted_scale"))
        except SpaceStudioError as error:
            problems.append(f"{path.name}: {error}")
            continue
        for note in (*(f"truth: {n}" for n in notes), *(f"predicted: {n}" for n in more)):
            assumed[_general(note)] = assumed.get(_general(note), 0) + 1
        far = float(choices.get("farthest", 0.0))
        judged = judge(path.name, truth, estimate, pairs, int(choices.get("seed", 0)), tau, align, far)
        if judged is None:
            problems.append(f"{path.name}: no pixel holds a depth in both maps")
        else:
            found.append(judged)
    if not found:
        why = problems[0] if problems else f"no file of “{files['predicted'].name}” has the name of a true one"
        raise InputError(f"No depth map can be scored: {why}", f"files of the same names, {', '.join(sorted(SUFFIXES))}")
    unknown = len(estimates) - len(found) - len(problems) if not single else 0
    counts = {"n_truths": len(truths), "n_missing": len(missing), "n_failed": len(problems), "n_unused": max(0, unknown)}
    lost = ((missing, "without an estimate, left out"), (problems, "that can't be scored"))
    told = [naming(f"{counted(len(names), 'file')} {what}", names) for names, what in lost if names]
    told += [f"{note} ({counted(n, 'file')})" for note, n in assumed.items()]
    return score(found, align, tau, counts, told)


def _checked(choices: Mapping[str, Any]) -> tuple[Align, float, int]:
    align, tau, pairs = str(choices.get("align", "none")), float(choices.get("tau", TAU)), int(choices.get("pairs", PAIRS))
    if align not in ALIGN:
        raise InputError(f"“{align}” is no way to align", ", ".join(ALIGN))
    if not 0 <= tau < 1:
        raise InputError(f"A tie band of {tau:g}", "a number from 0 up to below 1")
    if not 1 <= pairs <= 10_000_000:
        raise InputError(f"{pairs} pairs", "1 to 10 million")
    return align, tau, pairs


def _kind(choices: Mapping[str, Any], name: str) -> DepthKind | None:
    kind = str(choices.get(name, ""))
    if kind and kind not in get_args(DepthKind):
        raise InputError(f"“{kind}” is no kind of depth", ", ".join(get_args(DepthKind)))
    return cast(DepthKind, kind) if kind else None


def _scale(choices: Mapping[str, Any], name: str) -> float | None:
    scale = float(choices.get(name, 0.0))
    return scale or None


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found = sorted(p for p in place.iterdir() if p.suffix.lower() in SUFFIXES) if place.is_dir() else []
    if not found:
        raise InputError(f"No depth file in “{place}”", f"a file, or a folder of {', '.join(sorted(SUFFIXES))}")
    return found


def _name(path: Path) -> str:
    """What truth and estimate share: "depth_sph_corr-x.mat" and "img-x.npy" are both x (Make3D's names)."""
    return matching_stem(path.with_stem(re.sub(r"sph[_-]?corr", "", path.stem)))


def _general(note: str) -> str:
    """A note without the numbers of one file."""
    return re.sub(r"; it reaches .*?(?=\.$|\. )", "", note)


SCORER = Scorer(
    "depth",
    (
        Slot("truth", "True depth: a file, or a folder (PNG, NPY, TIFF, … or Make3D's .mat).", folder=True),
        Slot("predicted", "Estimated depth: a file, or a folder with files of the same names.", folder=True),
    ),
    (
        Choice("align", "What estimates are fitted by before metres are compared.", "none", ALIGN),
        Choice("pairs", "Pixel pairs drawn a picture.", PAIRS),
        Choice("seed", "Same seed, same pairs.", 0),
        Choice("tau", "True depths in [0, 1] that differ by less are ties.", TAU),
        Choice("farthest", "True depths beyond are left out, in metres; 0 for none.", 0.0),
        Choice("truth_kind", "What true numbers mean: metric, relative or disparity; else as the file says.", ""),
        Choice("predicted_kind", "What estimated numbers mean: metric, relative or disparity; else as the file says.", ""),
        Choice("truth_scale", "Raw units per metre of true integer depth; 0 for what is usual.", 0.0),
        Choice("predicted_scale", "Raw units per metre of estimated integer depth; 0 for what is usual.", 0.0),
    ),
    _score,
    flat_json,
)
