"""The same services without a screen: python -m spacestudio …

With --json one JSON object goes to standard output; progress and messages go to standard error.
Exit status: 0 done, 1 the input was wrong or part of the work failed, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacestudio.cli.captions import app as captions_app
from spacestudio.cli.common import (
    CameraOption,
    Depth,
    DepthKind,
    DepthScale,
    Json,
    Labels,
    Masks,
    Objects,
    Out,
    answer,
    check_depth,
    fail,
    tell,
)
from spacestudio.cli.dataset import app as dataset_app
from spacestudio.cli.dataset import holdout
from spacestudio.cli.prompts import app as prompts_app
from spacestudio.cli.questions import app as questions_app
from spacestudio.cli.run import app as run_app
from spacestudio.cli.score import app as score_app
from spacestudio.cli.skg import app as skg_app
from spacestudio.errors import InputError, SpaceStudioError, UnknownName

if TYPE_CHECKING:
    from spacestudio.services.batch import Report

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__, rich_markup_mode=None
)

app.add_typer(score_app, name="score")
app.add_typer(run_app, name="run")
app.add_typer(captions_app, name="captions")
app.add_typer(questions_app, name="questions")
app.add_typer(prompts_app, name="prompts")
app.add_typer(skg_app, name="skg")
app.add_typer(dataset_app, name="dataset")
app.command("holdout")(holdout)

Words = Annotated[
    str,
    typer.Option("--words", help="Language model that rewords questions: endpoint, hub, transformers, also with :MODEL."),
]
Check = Annotated[
    str, typer.Option("--check", help="Vision-language model that drops or flags questions the picture does not bear out.")
]
Predicates = Annotated[
    str, typer.Option("--predicates", help="Vision-language model that adds relations in its own words, undecided.")
]


def main() -> None:
    """Run the command line; an expected error is one line on standard error and exit status 1, 2 for an unknown name.

    With --json it is {"error": …} on standard output too.
    """
    try:
        app()
    except SpaceStudioError as error:
        if "--json" in sys.argv[1:]:
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        fail(str(error), 2 if isinstance(error, UnknownName) else 1)
    except BrokenPipeError:
        sys.exit(1)


def _report(report: Report, as_json: bool) -> None:
    lines = [f"{s.id}: {s.objects} objects, {s.questions} questions -> {s.folder}" for s in report.samples]
    answer(report.to_json(), as_json, lines)
    for sample in report.samples if not as_json else ():
        for warning in sample.warnings:
            tell(f"{sample.id}: warning {warning}")
        if sample.nameless and not sample.questions:
            tell(f"{sample.id}: no question, because its {sample.objects} regions have no names yet")
    if report.resumed:
        tell(f"{report.resumed} of these samples were made before")
    if report.talked:
        tell(f"language model: {report.talked.line}")
    for item, error in report.failed:
        print(f"{item}: {error}", file=sys.stderr)
    if report.failed:
        sys.exit(1)


@app.command()
def analyze(
    images: Annotated[list[str], typer.Argument(help="Pictures, or folders of pictures.")],
    out: Out,
    depth: Depth = "cues",
    depth_kind: DepthKind = "",
    depth_scale: DepthScale = None,
    camera: CameraOption = "",
    poses: Annotated[
        str, typer.Option(help="File with one camera-to-world pose per picture, or folder of files matched by name.")
    ] = "",
    objects: Objects = "proposals",
    labels: Labels = "",
    masks: Masks = "grabcut",
    words: Words = "",
    check: Check = "",
    predicates: Predicates = "",
    as_json: Json = False,
) -> None:
    """Pictures to sample folders: depth, objects, layers, cloud, graph, questions."""
    from spacestudio.services.batch import Options, analyze
    from spacestudio.services.comment import Wanted

    check_depth(depth_kind, depth_scale)
    wanted = tuple(part.strip() for part in labels.split(",") if part.strip())
    comments = Wanted(words, check, predicates)
    options = Options(depth, depth_kind, depth_scale, camera, poses, objects, wanted, masks, comments)
    _report(analyze(images, options, out, tell), as_json)


@app.command()
def synthesize(
    out: Out,
    scenes: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many scenes to imagine.")] = 0,
    graph: Annotated[Path | None, typer.Option(help="SKG file whose graphs to draw instead.")] = None,
    language: Annotated[
        str,
        typer.Option(help="Scene engine: grammar, or a language model: endpoint, hub or transformers, also with :MODEL."),
    ] = "grammar",
    layout: Annotated[
        str, typer.Option(help="Layout engine: cp-sat, or a language model that proposes boxes to it.")
    ] = "cp-sat",
    image: Annotated[str, typer.Option(help="Image engine, also with :WEIGHTS.")] = "compositor",
    candidates: Annotated[
        int, typer.Option(min=1, max=64, help="Pictures made per scene; the best verified one is kept.")
    ] = 1,
    retries: Annotated[int, typer.Option(min=0, max=64, help="Pictures made beside them while a relation fails.")] = 2,
    objects: Annotated[str, typer.Option(help="Object engine for pictures whose engine can't know what it drew.")] = "",
    depth: Annotated[str, typer.Option(help="Depth engine for such pictures.")] = "",
    masks: Annotated[str, typer.Option(help="Mask engine for such pictures.")] = "grabcut",
    words: Words = "",
    check: Check = "",
    predicates: Predicates = "",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    as_json: Json = False,
) -> None:
    """Spatial knowledge graphs to pictures and sample folders."""
    from spacestudio.engines import LANGUAGE
    from spacestudio.services.batch import synthesize_scenes
    from spacestudio.services.comment import Wanted
    from spacestudio.services.converse import SOLVER
    from spacestudio.services.graphs import doubts, graphs_in
    from spacestudio.services.imagine import Looks

    if (scenes > 0) == (graph is not None):
        raise typer.BadParameter("give either --scenes N or --graph FILE", param_hint="--scenes")
    if layout != SOLVER and layout not in LANGUAGE:
        known = ", ".join([SOLVER, *(name for name, entry in LANGUAGE.items() if not entry.built_in)])
        raise typer.BadParameter(f"unknown layout engine “{layout}”; known: {known}", param_hint="--layout")
    graphs = None
    if graph is not None:
        read, warnings = graphs_in(graph)
        for warning in warnings:
            tell(warning)
        graphs = [(f"{graph.name} graph {g.index}", g.graph, g.problem) for g in read]
        for name, asked, _ in graphs:
            for doubt in doubts(asked) if asked is not None else ():
                tell(f"{name}: warning {doubt}")
    looks = Looks(objects, depth, masks)
    comments = Wanted(words, check, predicates)
    made = synthesize_scenes(graphs, scenes, out, seed, language, image, candidates, tell, layout, retries, looks, comments)
    _report(made, as_json)


@app.command("check-graph")
def check_graph(
    file: Annotated[Path, typer.Argument(help="SKG file.")],
    as_json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help="Every clash found, and ways out of each.")] = False,
    implied: Annotated[bool, typer.Option("--implied", help="What follows and need not be stored.")] = False,
    reduced: Annotated[Path | None, typer.Option(help="SKG file to write, each possible graph in its minimal form.")] = None,
) -> None:
    """Can each graph's relations hold together? Exit status 1 when one can't.

    With --json a graph says under left_out how many of its triples could not be used, if any.
    """
    from spacestudio.services import graphs

    read, warnings = graphs.graphs_in(file)
    for warning in warnings:
        tell(warning)
    rows, lines = [], []
    for graph in read:
        result = graphs.checked(graph)
        row: dict[str, Any] = {"index": result.index, "consistent": result.consistent, "conflict": result.conflict}
        lines += [f"graph {result.index}: {result.words}"] if not result.problem else []
        if result.problem:
            row["problem"] = result.problem
        if graph.left_out:
            row["left_out"] = graph.left_out
            lines.append(f"  triples that could not be used: {graph.left_out}")
        if explain:
            found = graphs.all_clashes(graph)
            row["clashes"] = [{"conflict": c.conflict, "words": c.words, "repairs": c.repairs} for c in found]
            lines += [line for c in found for line in (f"  {c.words}", *(f"    {way}" for way in c.repairs))]
        asked = {"implied": graphs.consequences(graph) if implied else None}
        asked["dropped"] = graphs.redundancies(graph) if reduced else None
        for name, derived in asked.items():
            if derived is not None:
                row[name] = [{"triple": d.triple, "from": d.because} for d in derived]
                lines += [f"  {name}: {d.words}" for d in derived]
        rows.append(row)
    kept, value, unwritten = [], {"graphs": rows}, ""
    try:
        kept = graphs.write_reduced(file, read, reduced) if reduced is not None else []
    except InputError as error:
        unwritten = str(error)
    answer(value | ({"error": unwritten} if unwritten else {}), as_json, lines)
    for graph in read:
        if graph.graph is None:
            tell(f"graph {graph.index}: {graph.problem}")
        else:
            for doubt in graphs.doubts(graph.graph):
                tell(f"graph {graph.index}: warning {doubt}")
    for line in kept:
        tell(line)
    if unwritten:
        fail(unwritten)
    if not all(row["consistent"] for row in rows):
        sys.exit(1)


@app.command()
def verify(
    images: Annotated[list[str] | None, typer.Argument(help="Pictures, or folders of pictures.")] = None,
    graph: Annotated[
        Path | None, typer.Option(help="SKG file: one graph for all, or one for each picture or sample in order.")
    ] = None,
    samples: Annotated[Path | None, typer.Option(help="Folder of sample folders to verify instead of pictures.")] = None,
    depth: Depth = "cues",
    depth_kind: DepthKind = "",
    depth_scale: DepthScale = None,
    camera: CameraOption = "",
    objects: Objects = "proposals",
    labels: Labels = "",
    masks: Masks = "grabcut",
    as_json: Json = False,
) -> None:
    """Does each picture show its graph? With --samples: each picture its target, its layout too, and do the questions hold?

    A relation is verified, failed or undecided, with its margin. Exit status 1 when something failed verification, an input
    was wrong or part of the work failed; undecided is no failure.
    """
    from spacestudio.services.batch import Options, verify_pictures, verify_samples
    from spacestudio.services.graphs import graphs_in

    if bool(images) == (samples is not None):
        raise typer.BadParameter("give either pictures and --graph FILE, or --samples DIR", param_hint="IMAGES")
    if images and graph is None:
        raise typer.BadParameter("pictures need --graph FILE to be held against", param_hint="--graph")
    check_depth(depth_kind, depth_scale)
    graphs = None
    if graph is not None:
        read, warnings = graphs_in(graph)
        for warning in warnings:
            tell(warning)
        graphs = [(f"{graph.name} graph {g.index}", g.graph, g.problem) for g in read]
    if samples is not None:
        found = verify_samples(samples, graphs, tell)
    else:
        wanted = tuple(part.strip() for part in labels.split(",") if part.strip())
        options = Options(depth, depth_kind, depth_scale, camera, "", objects, wanted, masks)
        found = verify_pictures(images or [], graphs or [], options, tell)
    answer(found.to_json(), as_json, [line for item in found.verified for line in item.lines()])
    for checked in found.verified:
        for warning in checked.warnings:
            tell(f"{checked.item}: warning {warning}")
    for item, error in found.failed:
        tell(f"{item}: {error}")
    if not found.holds:
        sys.exit(1)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="Folder, or file ending in .zip.")],
    format_name: Annotated[str, typer.Option("--format", help="Name of a format.")],
    samples: Annotated[Path, typer.Option(help="Folder of sample folders.")],
    words: Annotated[
        str, typer.Option("--words", help="Language model that rewords SpaceSGG's texts: endpoint, hub or transformers.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Sample folders to training files."""
    from spacestudio.formats import FORMATS
    from spacestudio.formats.folder import damaged_logs, read_samples
    from spacestudio.services.polish import polished, style_of
    from spacestudio.services.publish import publish

    FORMATS[format_name]
    style = style_of(format_name) if words else ""
    read, problems = read_samples(samples)
    if not read and not problems:
        raise InputError(
            f"No sample folder in {samples}", "folders with a sample.json, as analyze and synthesize write them"
        )
    other = polished(read, style, words) if style else None
    written = publish(other.samples if other else read, format_name, out) if read else []
    warnings = [f"{sample_id}: {line}" for sample_id, lines in damaged_logs(samples).items() for line in lines]
    warnings += other.words if other else ()
    value: dict[str, Any] = {
        "format": format_name,
        "samples": len(read),
        "files": [str(path) for path in written],
        "warnings": warnings,
        "failed": [{"item": str(samples), "error": problem} for problem in problems],
    }
    if other:
        value["words"] = {"worded": other.worded, "of": other.total, **other.counts.facts}
    answer(value, as_json, [f"{len(read)} samples -> {out}"] if read else [])
    if other:
        tell(f"language model: {other.worded} of {other.total} exchanges reworded; {other.counts.line}")
    for warning in warnings:
        tell(f"warning {warning}")
    for problem in problems:
        tell(problem)
    if problems:
        sys.exit(1)


@app.command()
def compact(
    samples: Annotated[Path, typer.Option(help="Folder of sample folders, or one sample folder.")],
    as_json: Json = False,
) -> None:
    """Shorten the event logs of sample folders to what still counts; nothing in them can be undone afterwards."""
    from spacestudio.formats.folder import compact_log, sample_folders

    folders = sample_folders(samples)
    if not folders:
        raise InputError(
            f"No sample folder in {samples}", "folders with a sample.json, as analyze and synthesize write them"
        )
    rows, problems = [], []
    for folder in folders:
        try:
            before, after = compact_log(folder)
        except SpaceStudioError as error:
            problems.append({"item": str(folder), "error": str(error)})
        else:
            rows.append({"id": folder.name, "folder": str(folder), "before": before, "after": after})
    lines = [f"{row['id']}: {row['before']} -> {row['after']} events" for row in rows]
    answer({"samples": rows, "failed": problems}, as_json, lines)
    for problem in problems:
        tell(f"{problem['item']}: {problem['error']}")
    if problems:
        sys.exit(1)


@app.command()
def engines(as_json: Json = False) -> None:
    """Every engine: what it needs, what would be downloaded, where it would run, or why it can't run here."""
    from dataclasses import asdict

    from spacestudio.engines import ENGINES
    from spacestudio.engines.status import COMES, status

    rows: list[dict[str, Any]] = []
    lines = []
    for stage, registry in ENGINES.items():
        for name, entry in registry.items():
            now = status(registry, name)
            row: dict[str, Any] = {
                "stage": stage,
                "name": name,
                "title": entry.label,
                "help": entry.help,
                "needs": list(entry.needs),
            }
            row |= {"built_in": entry.built_in, "licence": entry.licence, "size": entry.size}
            rows.append(row | asdict(now) | {"available": not now.why_not})
            facts = [now.device, now.weights, entry.size if now.weights == COMES else "", entry.licence]
            can = "can run" if entry.built_in else f"can run: {', '.join(fact for fact in facts if fact)}"
            lines += [f"{stage:8} {name:26} {now.why_not or can}", f"{'':8} {entry.help}"]
    answer({"engines": rows}, as_json, lines)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; the first free one from 7860 when left out.")
    ] = None,
    samples: Annotated[Path | None, typer.Option(help="Folder of sample folders that each visitor starts with.")] = None,
) -> None:
    """Start the studio."""
    import errno
    import os

    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from spacestudio.formats.door import reason
    from spacestudio.formats.folder import damaged_logs
    from spacestudio.services.studio import open_studio
    from spacestudio.ui.build import build, launch_options

    try:
        studio = open_studio()
        if samples is not None:
            if not samples.is_dir():
                raise InputError(f"“{samples}” is no folder", "a folder of sample folders")
            for problem in studio.offer(samples):
                tell(problem)
            for sample_id, lines in damaged_logs(samples).items():
                for line in lines:
                    tell(f"{sample_id}: warning {line}")
        blocks = build(studio)
        blocks.launch(**launch_options(studio, server_name=host, server_port=port))
    except OSError as error:
        place, busy = f"{host}, port {port or 'from 7860'}", error.errno is None and "port" in str(error)
        if busy or (error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES) and not error.filename):
            cause = "no such port is free" if busy else reason(error)
            fail(f"The studio can't listen on {place} ({cause}). Choose another one with --port, or another --host.")
        what = f"“{error.filename}” can't be used" if error.filename else "The studio can't start"
        fail(f"{what} ({reason(error)}).")
