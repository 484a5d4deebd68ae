"""Regenerate: what a new picture should show, where things go, the pictures made, and a verdict for each asked relation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import gradio as gr

from spacestudio.domain.events import fold
from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.engines.progress import Told
from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.figures.graph import verdict_badge
from spacestudio.relations.words import reason, statement
from spacestudio.services import judge
from spacestudio.services.arrange import prompts_of, unique_names
from spacestudio.services.imagine import overheard, to_mend
from spacestudio.services.studio import RETRIES, Attempt, Candidate, Studio, best_of
from spacestudio.services.verify import OUTCOMES
from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.components.choices import Choice, Choices, Pick, following
from spacestudio.ui.components.engines import engine_menu
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import plain, shown, visitor_of
from spacestudio.ui.tabs.graph import PREDICATES
from spacestudio.ui.tabs.image import LABELS

HINT = "Where things go in the new picture. Drag to move; draw a box to add an object."
FIRST = "**Ask for something first:** a relation, another place for a box, a new object or another depth order."
NONE_YET = "No picture was made yet. Ask for something above, then press **Regenerate**."
NO_WISH = "None yet: ask for something in a sample above, and it is listed here."
MOST = 8
"""Candidates made at once."""
THUMB = 240
"""Longer side of a candidate in the strip, px."""


def regenerate_tab(frame: Frame) -> None:
    """Build the tab."""
    gr.Markdown(
        "**Change** Everything here is asked of a **new** picture; the open one and its questions stay as they are.",
        elem_classes="kind-change",
    )
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            canvas = BoxEditor(
                None,
                elem_id="layout",
                mode_hint=HINT,
            )
            problem = gr.Markdown(elem_id="problem", elem_classes="clash")
        with gr.Column(scale=2, min_width=320):
            with gr.Row():
                subject = Choice([], label="Subject", elem_id="want-subject", min_width=90)
                predicate = gr.Dropdown(PREDICATES, label="Relation", elem_id="want-predicate", min_width=110)
                object_ = Choice([], label="Object", elem_id="want-object", min_width=90)
            with gr.Row():
                ask = gr.Button("Ask for it", variant="primary", elem_id="want-ask", min_width=90)
                drop = gr.Button("Drop the wish", elem_id="want-drop", min_width=90)
            with gr.Row(elem_classes="level"):
                label = gr.Textbox(
                    label="New object", placeholder="red cup", max_length=60, elem_id="want-label", min_width=110
                )
                add = gr.Button("Add it", elem_id="want-add", min_width=70)
                remove = gr.Button("Remove the subject", elem_id="want-remove", min_width=110)
            order = Pick([], label="Depth order, nearest first", elem_id="want-order")
            with gr.Row():
                nearer = gr.Button("↑ Nearer", elem_id="want-nearer", min_width=90)
                farther = gr.Button("↓ Farther", elem_id="want-farther", min_width=90)
                reset = gr.Button("Forget all changes", elem_id="want-reset", min_width=130)
            with gr.Accordion("Prompt and engine", open=False):
                prompt = gr.Textbox(label="Prompt", elem_id="prompt", max_length=2000)
                negative = gr.Textbox(label="Negative prompt", elem_id="negative", max_length=1000)
                set_prompt = gr.Button("Use these prompts", elem_id="set-prompt")
                engine = engine_menu(IMAGINE, "Engine", "image-engine")
                seed = gr.Number(
                    label="Seed",
                    value=0,
                    precision=0,
                    minimum=0,
                    maximum=2**31,
                    elem_id="seed",
                    info="0 draws the layout as it is shown; other seeds move what is free to move.",
                )
            with gr.Row():
                with gr.Column(scale=3, min_width=220):
                    count = gr.Slider(1, MOST, value=3, step=1, label="Pictures to make", elem_id="count")
                    with gr.Row():
                        make = gr.Button("Regenerate", variant="primary", elem_id="regenerate", min_width=120)
                        cancel = gr.Button("Cancel", elem_id="cancel-regenerate", min_width=80, interactive=False)
                with gr.Column(scale=2, min_width=150):
                    latest = gr.Image(label="Latest picture", elem_id="latest", height=134, interactive=False, buttons=[])
            progress = gr.Markdown(FIRST, elem_id="regenerate-progress", elem_classes="hint")
    wanted = make_table({"asked": 35, "now": 15, "why": 50}, "Asked, and how the open picture stands", "wanted")
    with gr.Row(elem_id="made"):
        with gr.Column(scale=2, min_width=320):
            slider = gr.ImageSlider(label="Before | after", elem_id="before-after", interactive=False, format="png")
        with gr.Column(scale=2, min_width=320):
            strip = gr.Gallery(
                label="Candidates, oldest first; ★ is the best",
                elem_id="candidates",
                columns=3,
                height=250,
                allow_preview=False,
                object_fit="contain",
                interactive=False,
                buttons=[],
                format="png",
            )
            verdicts = gr.Markdown(NONE_YET, elem_id="verdicts")
            with gr.Row():
                keep = gr.Button("Keep this one as a new sample", elem_id="keep", variant="primary", min_width=150)
                again = gr.Button("Try again only what failed", elem_id="retry", min_width=150)
    with gr.Accordion("Many samples at once", open=False, elem_id="many") as many:
        gr.Markdown(
            "New pictures of all samples that have a wish, with the engine, seed and number of pictures chosen above. They "
            "wait as candidates of each sample.",
            elem_classes="hint",
        )
        chosen = Choices([], label="Samples with a wish", elem_id="many-samples")
        with gr.Row():
            start = gr.Button("Regenerate these", variant="primary", elem_id="many-start", min_width=120)
            halt = gr.Button("Cancel", elem_id="many-cancel", min_width=90, interactive=False)
        told = gr.Markdown(elem_id="many-progress", elem_classes="hint")
        summary = make_table(
            {"sample": 36, "made": 12, "verified": 13, "failed": 13, "undecided": 13, "best": 13},
            "Samples with candidates, by their best one; choose a row to open it",
            "many-summary",
        )
    known, wishes, which, listed = gr.State([]), gr.State([]), gr.State(""), gr.State([])
    outputs = [
        canvas, problem, subject, object_, label, order, prompt, negative, wanted, wishes, make, cancel, progress,
        strip, latest, slider, verdicts, keep, again, which, known, summary, listed, halt,
    ]  # fmt: skip
    frame.add(View("regenerate", outputs, draw, [subject, object_, which, known, progress]))

    def fill(rows: list[list[str]], evt: gr.SelectData) -> list[str]:
        return rows[evt.index[0]]

    def pick(ids: list[str], evt: gr.SelectData) -> str:
        place = evt.index if isinstance(evt.index, int) else -1
        return ids[1:][place] if 0 <= place < len(ids) - 1 else ""

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    wanted.select(shown(fill), [wishes], [subject, predicate, object_], **quiet)
    picked = strip.select(shown(pick), [known], [which], **quiet)
    frame.on(picked.then, lambda look: None)
    frame.on(canvas.edit, _edited, event_data=True, trigger_mode="multiple")
    frame.on(canvas.pick, lambda look, evt: Done(selected=BoxEditor.read_pick(evt) or ""), event_data=True)
    frame.on(ask.click, _ask, [subject, predicate, object_])
    frame.on(drop.click, _drop, [subject, predicate, object_])
    frame.on([add.click, label.submit], _add, [label])
    frame.on(remove.click, _remove, [subject])
    frame.on(order.input, lambda look, object_id: Done(selected=object_id or ""), [order])
    frame.on(nearer.click, lambda look, chosen: _shift(look, chosen, -1), [order])
    frame.on(farther.click, lambda look, chosen: _shift(look, chosen, 1), [order])
    frame.on(reset.click, lambda look: _act(look, lambda s: [("want.reset", {})]))
    frame.on(set_prompt.click, _prompt, [prompt, negative])
    frame.on(keep.click, _keep, [which])
    _long(frame, make.click, cancel, _make, [engine, seed, count], progress, latest)
    _long(frame, again.click, cancel, _retry, [which], progress, latest)
    _long(frame, start.click, halt, _many, [chosen, engine, seed, count], told)
    many.expand(shown(_wishful(frame.studio)), [frame.visitor], [chosen], **quiet)

    frame.on(summary.select, _chosen_row, [listed], event_data=True)
    frame.later(lambda: known.change(shown(_again(frame)), frame.inputs, frame.outputs, **quiet))


def _again(frame: Frame) -> Callable[..., list[Any]]:
    """Draw once more when another sample is shown: an edit made just before the tab was opened may have ended since."""

    def run(visitor: Any, sample_id: Any, selected: Any, tab: Any, _ask: Any, *controls: Any) -> list[Any]:
        if not visitor:  # the page is still arriving
            return [gr.skip()] * len(frame.outputs)
        return frame.drawn(visitor, sample_id or "", selected or "", tab, controls)

    return run


def _chosen_row(look: Look, evt: gr.EventData, ids: list[str]) -> Done | None:
    row = getattr(evt, "index", [0])[0]
    return Done(ids[row], "") if isinstance(row, int) and row < len(ids) else None


# Long work: told of step by step, and ended after the picture being made


Line = tuple[str, Attempt | Told | None]
"""One line for a person, with what was made or told."""
Work = Callable[..., Iterator[Line]]
"""(studio, visitor, sample id, *inputs) -> a line after each step."""


def _long(
    frame: Frame,
    click: Callable[..., Any],
    cancel: gr.Button,
    work: Work,
    inputs: Sequence[Any],
    told: gr.Markdown,
    picture: gr.Image | None = None,
) -> None:
    """Wire work of many pictures: told of at once, step by step, then drawn; `cancel` ends it after the one being made."""
    studio, outputs = frame.studio, [told, cancel, *([picture] if picture else [])]

    def begin(visitor: Any) -> list[Any]:
        studio.start_work(visitor_of(visitor))
        return ["Waiting for its turn…", gr.Button(interactive=True)]

    def run(visitor: Any, sample_id: Any, *values: Any) -> Iterator[list[Any]]:
        rest: list[Any] = [gr.skip()] if picture else []
        try:
            for line, what in work(studio, visitor_of(visitor), str(sample_id or ""), *values):
                if picture and isinstance(what, Told) and what.preview is not None:
                    rest = [what.preview]
                elif picture and isinstance(what, Attempt) and what.candidate:
                    rest = [what.candidate.sample.image]
                yield [line, gr.skip(), *rest]
        except SpaceStudioError as error:
            gr.Warning(str(error), duration=12, title="Not done")
            yield [f"Not done: {plain(error)}", gr.skip(), *rest]
        finally:
            studio.end_work(visitor_of(visitor))
        made = studio.candidates(visitor_of(visitor), str(sample_id or ""))
        latest = [made[-1].sample.image if made else None]  # not the preview of one that was stopped
        yield [gr.skip(), gr.Button(interactive=False), *(latest if picture else [])]

    def stop(visitor: Any) -> str:
        studio.stop_work(visitor_of(visitor))
        return "Cancelled: the picture being made is the last one."

    def connect() -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        begun = click(shown(begin), [frame.visitor], [told, cancel], **quiet)
        done = begun.success(
            run, [frame.visitor, frame.sample, *inputs], outputs, concurrency_id="pictures", concurrency_limit=2, **quiet
        )
        cancel.click(shown(stop), [frame.visitor], [told], **quiet)
        frame.on(done.then, lambda look: None)

    frame.later(connect)


def _make(
    studio: Studio, visitor: str, sample_id: str, engine: str, seed: float | None, count: float | None
) -> Iterator[Line]:
    many = max(1, min(MOST, int(count or 1)))
    yield f"0 of {many}…", None
    yield from _steps(studio, visitor, overheard(lambda hear: studio.regenerate_many(
        visitor, [sample_id], engine, int(seed or 0), many, lambda: studio.works(visitor), hear
    )))  # fmt: skip


def _many(
    studio: Studio, visitor: str, _: str, ids: list[str], engine: str, seed: float | None, count: float | None
) -> Iterator[Line]:
    if not ids:
        raise InputError("No sample was chosen", next_step="Tick the samples first; those with a wish are listed")
    many = max(1, min(MOST, int(count or 1)))
    yield f"0 of {many * len(ids)}…", None
    yield from _steps(studio, visitor, overheard(lambda hear: studio.regenerate_many(
        visitor, ids, engine, int(seed or 0), many, lambda: studio.works(visitor), hear
    )))  # fmt: skip


def _steps(studio: Studio, visitor: str, attempts: Iterator[Attempt | Told]) -> Iterator[Line]:
    """A line after each picture: how far, how the last one stands, and each failed one with its reason."""
    made: dict[str, Candidate] = {}
    troubles: list[str] = []
    number = total = 0
    for a in attempts:
        if isinstance(a, Told):
            yield _paragraphs(f"**{len(made)} made**, {plain(a.words)}", troubles), a
            continue
        number, total = a.number, a.total
        made |= {a.candidate.id: a.candidate} if a.candidate else {}
        last = f"{plain(a.item)}: {_signs(a.candidate)}" if a.candidate else f"{plain(a.item)}: nothing was made"
        if a.problem:
            troubles.append(f"{'✗' if a.candidate is None else 'Note:'} {plain(a.item)}: {plain(a.problem)}")
        yield _paragraphs(f"**{number} of {total}** {last}", troubles), a
    ended = "" if studio.works(visitor) or number == total else " Cancelled; what was made stays."
    best = best_of(list(made.values()))
    stands = f" The best, with seed {best.seed}: {_signs(best)}" if best else ""
    yield _paragraphs(f"**{len(made)} made.**{ended}{stands}", troubles), None


def _retry(studio: Studio, visitor: str, sample_id: str, which: str) -> Iterator[Line]:
    if not which:
        raise InputError("There is no candidate yet", next_step="Regenerate first")
    yield f"Other places for what failed: 0 of {RETRIES} tries…", None
    found, tries, why = None, 0, ""
    go_on = partial(studio.works, visitor)
    for a in overheard(lambda hear: studio.retry(visitor, sample_id, which, RETRIES, go_on, hear)):
        if isinstance(a, Told):
            yield f"Try {tries + 1}: {plain(a.words)}", a
            continue
        found, tries, why = a.candidate or found, a.number, a.problem
        yield f"Other places for what failed: {a.number} of {a.total} tries…", a
    word = "try" if tries == 1 else "tries"
    if found:
        yield f"**Better after {tries} {word}:** {_signs(found)}", None
    else:
        last = f" The last one: {plain(why)}" if why and why != "no better" else ""
        yield f"**Nothing better was found after {tries} {word}**; the candidate stays as it is.{last}", None


def _paragraphs(first: str, rest: Sequence[str]) -> str:
    shown_ = [*rest[:12], *([f"and {len(rest) - 12} more"] if len(rest) > 12 else [])]
    return "\n\n".join([first, *shown_])


def _signs(c: Candidate) -> str:
    n = c.counts
    return f"✓ {n['verified']} verified · ✗ {n['failed']} failed · ? {n['undecided']} undecided"


def _wishful(studio: Studio) -> Callable[[Any], Any]:
    def listed(visitor: Any) -> Any:
        entries = studio.wishful(visitor_of(visitor))
        choices = [(e.name, e.id) for e in entries]
        return gr.update(choices=choices, value=[e.id for e in entries], info=None if entries else NO_WISH)

    return listed


# Drawing


def draw(
    look: Look, subject: str | None, object_: str | None, which: str | None, known: list[str], progress: str | None
) -> list[Any]:
    """The layout, the wishes, and the chosen candidate: a new one as soon as it is made."""
    s = look.sample
    none = gr.update(choices=[], value=None)
    off = gr.update(interactive=False)
    if s is None:
        return [
            None, EMPTY, none, none, "", none, "", "", [], [], off, off, FIRST,
            [], None, None, NONE_YET, off, off, "", [], [], [], off,
        ]  # fmt: skip
    wants = fold(s.events).wants
    target = s.target if wants and s.target is not None else s.graph
    names = unique_names(target)
    choices = [(names[o.id], o.id) for o in target.objects]
    prompts = prompts_of(target)
    if s.layout is not None:
        prompts = {"prompt": s.layout.prompt, "negative_prompt": s.layout.negative_prompt}
    line = [(f"{k}. {names[i]}", i) for k, i in enumerate(depth_order(s), 1) if i in names]
    working = look.studio.works(look.visitor)
    return [
        gr.update(value=_canvas(s, look.rev), selected=look.selected, mode_hint=HINT, labels=LABELS),
        f"⚠ {plain(s.problem)}" if s.problem else "",
        following(choices, subject),
        following(choices, object_),
        "",
        gr.update(choices=line, value=look.selected if look.selected in names else None),
        prompts["prompt"],
        prompts["negative_prompt"],
        _rows(s.verdicts, names),
        [list(r.triple) for r in s.verdicts],
        gr.update(interactive=s.layout is not None),
        gr.update(interactive=working),
        _hint(s, progress or "", working),
        *_candidates(look, s, which or "", known),
        *_summary(look),
        gr.update(interactive=working),
    ]


def _hint(s: Sample, progress: str, working: bool) -> Any:
    """What to do first, unless something is being told."""
    ready = "Ready: press **Regenerate**."
    if working or progress not in ("", FIRST, ready):
        return gr.skip()
    return ready if s.layout is not None else FIRST


def _candidates(look: Look, s: Sample, which: str, known: list[str]) -> list[Any]:
    """Strip, latest picture, slider, verdicts, both buttons, the chosen id, and the ids of sample and candidates shown."""
    candidates = {c.id: c for c in look.studio.candidates(look.visitor, s.id)}
    now = [s.id, *candidates]
    fresh = [i for i in candidates if i not in known] if known[:1] == [s.id] else []
    best = best_of(list(candidates.values()))
    chosen = candidates.get(fresh[-1] if fresh else which) or best
    if chosen is None or best is None:
        off = gr.update(interactive=False)
        return [[], None, None, NONE_YET, off, off, "", now]
    place = list(candidates).index(chosen.id)
    pictures: Any = gr.update(selected_index=place)
    if now != known:
        pictures = gr.update(value=[(_small(c), _caption(c, best)) for c in candidates.values()], selected_index=place)
    slider = (s.image, chosen.sample.image) if chosen.sample.image.shape == s.image.shape else None
    mends = bool(to_mend(chosen.sample.verdicts))
    return [
        pictures,
        gr.skip() if now == known else list(candidates.values())[-1].sample.image,
        gr.skip() if now == known and chosen.id == which else slider,
        _badges(chosen, s, chosen is best),
        gr.update(interactive=True),
        gr.update(interactive=mends),
        chosen.id,
        now,
    ]


def _small(c: Candidate) -> Any:
    height, width = c.sample.image.shape[:2]
    scale = min(1.0, THUMB / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(c.sample.image, size, interpolation=cv2.INTER_AREA)


def _caption(c: Candidate, best: Candidate) -> str:
    n = c.counts
    return f"{'★ ' if c is best else ''}✓ {n['verified']} ✗ {n['failed']} ? {n['undecided']}"


def _badges(c: Candidate, s: Sample, is_best: bool) -> str:
    """Each asked relation with its verdict as a coloured word with a sign, and why."""
    asked = c.sample.target
    assert asked is not None
    names = unique_names(asked)
    place = ", the best one so far" if is_best else ""
    lines = [f"**Candidate with seed {c.seed}**, made {c.time[11:19]} UTC{place}: {_signs(c)}"]
    if s.target is None or [r.triple for r in s.target] != [r.triple for r in asked] or s.target.ids != asked.ids:
        lines.append("Made for an earlier wish.")
    if not c.sample.verdicts:
        lines.append("No relation was asked; places, objects and order were.")
    for r in c.sample.verdicts:
        said = plain(statement(Relation(r.subject, r.predicate, r.object), names))
        badge = f'<span class="{verdict_badge(r).css_class}">{OUTCOMES[r.verdict]}</span>'
        lines.append(f"{badge} **{said}** · {plain(_why(r, names))}")
    lines += [f"Note: {plain(w)}" for w in c.sample.warnings]
    return "\n\n".join(lines)


def _summary(look: Look) -> list[Any]:
    """The table of samples with candidates, and their ids."""
    rows, ids = [], []
    for entry, made in look.studio.waiting(look.visitor):
        best = best_of(made)
        if best is not None:
            n = best.counts
            numbers = [str(n[k]) for k in ("verified", "failed", "undecided")]
            rows.append([entry.name, str(len(made)), *numbers, f"seed {best.seed}"])
            ids.append(entry.id)
    return [rows, ids]


def depth_order(s: Sample) -> list[str]:
    """Ids nearest first as a new picture will have them: laid out, else as asked, else as the picture has them."""
    if s.layout is not None:
        return list(s.layout.order)
    target = (s.target or s.graph).ids
    asked = fold(s.events).wants.order or []
    return asked if set(asked) == set(target) else [*(i for i in _order_now(s) if i in target), *_missing(s, target)]


def _missing(s: Sample, target: Sequence[str]) -> list[str]:
    known = set(_order_now(s))
    return [i for i in target if i not in known]


def _order_now(s: Sample) -> list[str]:
    layered = [i for layer in s.layers for i in layer.object_ids]
    return [*layered, *(o.id for o in s.objects if o.id not in layered)]


def _canvas(s: Sample, rev: int) -> dict[str, Any]:
    boxes = s.layout.boxes if s.layout else {o.id: o.box for o in s.objects}
    names = s.layout.names if s.layout else {o.id: o.name for o in s.objects}
    return {
        "rev": rev,
        "key": s.id,
        "image": s.image,
        "width": s.width,
        "height": s.height,
        "boxes": [
            {"id": i, "label": names.get(i, i)[:60], "x0": b.x0, "y0": b.y0, "x1": b.x1, "y1": b.y1}
            for i, b in boxes.items()
        ],
    }


def _rows(verdicts: tuple[Relation, ...], names: dict[str, str]) -> list[list[str]]:
    words = {"true": "✓ verified", "false": "✗ failed", "undecided": "? undecided"}
    return [
        [statement(Relation(r.subject, r.predicate, r.object), names), words[r.verdict], _why(r, names)] for r in verdicts
    ]


def _why(r: Relation, names: dict[str, str]) -> str:
    return str(r.evidence.get("because") or r.evidence.get("undecided_because") or reason(r, names))


def _act(look: Look, make: Any) -> None:
    look.studio.act(look.visitor, look.opened().id, make)


def _edited(look: Look, evt: gr.EventData) -> Done | None:
    edit = BoxEditor.read(evt)
    s = look.opened()
    if edit.op == "add":
        acts: list[judge.Act] = judge.want_object(s, *_named(edit.label))
        acts += judge.want_box(s, acts[0][1]["id"], edit.box)
        _act(look, lambda _: acts)
        return Done(selected=acts[0][1]["id"])
    if edit.op == "delete":
        _act(look, lambda _: [("want.remove", {"id": edit.id})])
        return Done(selected="")
    if edit.op == "label":
        _act(look, lambda x: judge.want_object(x, *_named(edit.label), object_id=edit.id))
    else:
        _act(look, lambda x: judge.want_box(x, edit.id, edit.box))
    return Done(selected=edit.id)


def _named(text: str) -> tuple[str, list[str]]:
    """ "red cup" -> ("cup", ["red"]): the last words that name a known object are the label."""

    words = text.split()
    known = set(LANGUAGE.load("grammar").labels())
    for start in range(len(words)):
        if " ".join(words[start:]).lower() in known:
            return " ".join(words[start:]).lower(), words[:start]
    return text, []


def _ask(look: Look, subject: str | None, predicate: str | None, object_: str | None) -> Done:
    if not (subject and predicate and object_):
        raise InputError("The wish is not complete", "a subject, a relation and an object")
    after = look.studio.act(look.visitor, look.opened().id, lambda s: judge.want_relation(s, subject, predicate, object_))
    return Done(note=after.problem)


def _drop(look: Look, subject: str | None, predicate: str | None, object_: str | None) -> None:
    if not (subject and predicate and object_):
        raise InputError("No wish was chosen", "its subject, relation and object")
    family, _ = judge.place_of(predicate)
    _act(look, lambda s: [("want.unrelate", {"subject": subject, "object": object_, "family": family})])


def _add(look: Look, text: str) -> Done:
    acts = judge.want_object(look.opened(), *_named(judge.clean_label(text)))
    _act(look, lambda _: acts)
    return Done(selected=acts[0][1]["id"])


def _remove(look: Look, subject: str | None) -> None:
    if not subject:
        raise InputError("No object was chosen", next_step="Choose the subject first")
    _act(look, lambda s: [("want.remove", {"id": subject})])


def _shift(look: Look, chosen: str | None, step: int) -> Done:
    """The object chosen in the list one place nearer (-1) or farther (1) in the depth order."""
    line = depth_order(look.opened())
    moved = chosen if chosen in line else look.selected
    if moved not in line:
        raise InputError("No object was chosen", next_step="Choose one in the list, or press its box")
    place = line.index(moved)
    there = place + step
    if not 0 <= there < len(line):
        raise InputError(f"It is the {'nearest' if step < 0 else 'farthest'} one already")
    line[place], line[there] = line[there], line[place]
    _act(look, lambda _: [("want.order", {"order": line})])
    return Done(selected=moved)


def _prompt(look: Look, prompt: str, negative: str) -> None:
    _act(look, lambda _: [("want.prompt", {"prompt": prompt, "negative_prompt": negative})])


def _keep(look: Look, candidate: str | None) -> Done:
    if not candidate:
        raise InputError("There is nothing to keep yet", next_step="Regenerate first")
    made = look.studio.keep(look.visitor, look.opened().id, candidate)
    return Done(made, "", "Kept as a new sample; it is open now.")
