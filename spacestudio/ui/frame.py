"""What all tabs share: the page's ids, the header, and one way to wire an event.

A handler does one thing through a service, then the header and the open tab are drawn anew; the other tabs are drawn
when they are opened, so every view shows the sample as it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from spacestudio.domain.sample import Sample
from spacestudio.engines.progress import Told, listening
from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.services.consequences import Change, consequences, in_short, lines, told
from spacestudio.services.studio import Draft, Studio
from spacestudio.store.database import Listed
from spacestudio.ui.components.place import EDITS, PREVIEW, SAVED, Place, busy
from spacestudio.ui.session import FAILED, log, opened, plain, shown, visitor_of


@dataclass(frozen=True, eq=False)
class Look:
    """What a tab draws from: the open sample (None: none yet), the selected object's id, and who looks."""

    studio: Studio
    visitor: str
    sample: Sample | None
    selected: str

    def opened(self) -> Sample:
        """The open sample.

        Raises:
            InputError: there is none.
        """
        if self.sample is None:
            raise InputError("No sample is open", next_step="Drop a picture in the Image tab")
        return self.sample

    @property
    def rev(self) -> int:
        """A number that grows whenever the open sample may look otherwise; an editor ignores what is older."""
        return self.studio.revision(self.visitor, self.sample.id) if self.sample else 0


NOTHING = "none"
"""As the next sample: none is open any more."""


@dataclass(frozen=True)
class Done:
    """What a handler did.

    Attributes:
        sample: to show next; "" keeps the open one.
        selected: the object to select; None keeps it.
        note: one line for the person.
        alone: whether the note says it all, so that what followed is not told.
    """

    sample: str = ""
    selected: str | None = None
    note: str = ""
    alone: bool = False


@dataclass
class View:
    """A tab's outputs, the function that draws them, one value per output, and the controls it reads.

    Attributes:
        controls: components whose values `draw` gets after the look, so that filters and choices count in every drawing.
    """

    name: str
    outputs: list[Any]
    draw: Callable[..., Sequence[Any]]
    controls: list[Any] = field(default_factory=list)


@dataclass
class Frame:
    """The page.

    Attributes:
        visitor, sample, selected, tab: who looks, and the ids of what is open (sample: None until the page has arrived).
        ask: whether an edit is shown with what follows from it before it is applied.
        address: the open sample and tab, for the page's address and the next visit, and whether the sample is saved.
        header: the always visible line.
        views: the tabs.
        first_steps: what to do first, shown in every tab while nothing is open.
        kept: controls whose values a window keeps over a reload, by the name the page keeps them under.
    """

    studio: Studio
    visitor: Any
    sample: Any
    selected: Any
    tab: Any
    ask: Any
    address: Place
    header: View
    views: dict[str, View] = field(default_factory=dict)
    first_steps: list[Any] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    _pending: list[Callable[[], object]] = field(default_factory=list)
    _open_tabs: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def add(self, view: View) -> None:
        """Make a tab known."""
        self.views[view.name] = view

    def on(
        self,
        listeners: Callable[..., Any] | Sequence[Callable[..., Any]],
        do: Callable[..., Done | None],
        inputs: Sequence[Any] = (),
        *,
        event_data: bool = False,
        slow: bool = False,
        **options: Any,
    ) -> None:
        """When any listener fires: `do(look, *inputs)` (with the event first when `event_data`), then draw.

        Args:
            listeners: such as `button.click`.
            do: calls one service; returns what to show next.
            inputs: components whose values it gets.
            event_data: pass the `gr.EventData` as second argument.
            slow: queue it with the other long work and show progress.
            options: passed to the listener.
        """
        chosen = [listeners] if callable(listeners) else list(listeners)
        for one in chosen:
            self.later(lambda one=one: self._wire(one, do, inputs, event_data, slow, options))  # type: ignore[misc]

    def later(self, connect: Callable[[], object]) -> None:
        """Connect once all tabs are known."""
        self._pending.append(connect)

    def wire_all(self) -> None:
        """Connect everything; call once, after the last tab was added."""
        for connect in self._pending:
            connect()

    def _wire(
        self,
        listener: Callable[..., Any],
        do: Callable[..., Done | None],
        inputs: Sequence[Any],
        event_data: bool,
        slow: bool,
        options: dict[str, Any],
    ) -> None:
        count = len(self.inputs)

        def run(request: gr.Request, given: tuple[Any, ...], *event: Any) -> list[Any]:
            page, values = given[:count], given[count:]
            visitor, sample_id, selected, tab, ask = page[: len(self.fixed)]
            if not visitor or sample_id is None:  # the page is only just arriving
                return [gr.skip()] * len(self.outputs)
            before = opened(self.studio, visitor, sample_id)
            if sample_id and before is None:
                gr.Warning("This sample was deleted in another window.", duration=8, title="Gone")
            look = Look(self.studio, visitor_of(visitor), before, selected or "")
            refused = False
            try:
                if ask and before is not None:
                    self.studio.begin_draft(look.visitor, before.id)
                with listening(_hear) if slow else nullcontext():
                    done = do(look, *event, *values) or Done()
            except SpaceStudioError as error:  # said, and drawn anew: an editor must not keep showing what was refused
                gr.Warning(str(error), duration=12, title="Not done")
                done, refused = Done(), True
            except gr.Error as error:
                gr.Warning(error.message, duration=12, title="Not done")
                done, refused = Done(), True
            except Exception:
                log.exception("A handler failed")
                gr.Warning(FAILED, duration=12, title="Not done")
                done, refused = Done(), True
            waits = before is not None and self.studio.draft(look.visitor, before.id) is not None
            if before is not None and not waits:
                self.studio.settle(look.visitor, before.id)
            next_id = "" if done.sample == NOTHING else done.sample or (sample_id or "")
            next_selected = selected if done.selected is None else done.selected
            after = opened(self.studio, visitor, next_id)
            if not waits:
                same = before and after and after.id == before.id and not done.alone
                follows = consequences(before, after).summary if same else ""  # type: ignore[arg-type]
                if line := f"{done.note} {follows}".strip():
                    gr.Info(line, duration=6)
            by = getattr(getattr(listener, "__self__", None), "elem_id", None) or "unnamed"
            controls = page[len(self.fixed) :]
            return self.drawn(
                visitor, next_id, next_selected or "", self.tab_now(request, tab), controls, by=by, done=not refused
            )

        def plain_handler(request: gr.Request, *given: Any) -> list[Any]:
            return run(request, given)

        def event_handler(request: gr.Request, evt: gr.EventData, *given: Any) -> list[Any]:
            return run(request, given, evt)

        # Every handler is queued: only queued ones may show messages.
        settings: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        settings |= {"concurrency_id": "work", "concurrency_limit": 1} if slow else {"concurrency_limit": 8}
        if slow:
            settings |= {"show_progress": "full", "show_progress_on": self.header.outputs[1]}
        if getattr(listener, "event_name", "") in EDITS and "js" not in options:
            settings["js"] = busy("working…" if slow else "saving…")
        if getattr(listener, "event_name", "") == "input":  # what was chosen last must count
            settings["trigger_mode"] = "always_last"
        handler = shown(event_handler if event_data else plain_handler)
        listener(handler, [*self.inputs, *inputs], self.outputs, **(settings | options))

    def tab_opened(self, request: gr.Request, name: str) -> None:
        """Note which tab a window shows."""
        self._open_tabs[str(request.session_hash)] = name
        while len(self._open_tabs) > 1000:
            self._open_tabs.popitem(last=False)

    def tab_now(self, request: gr.Request, then: str) -> str:
        """The tab a window shows now; an edit may end after the person went on to another one."""
        return self._open_tabs.get(str(request.session_hash), then)

    @property
    def inputs(self) -> list[Any]:
        """What every handler is told: the page's ids, then the controls of all tabs."""
        return [*self.fixed, *(c for v in self.views.values() for c in v.controls)]

    @property
    def fixed(self) -> list[Any]:
        """The page's own ids, and whether edits are to be previewed."""
        return [self.visitor, self.sample, self.selected, self.tab, self.ask]

    @property
    def outputs(self) -> list[Any]:
        """Everything a handler may draw."""
        own = [self.sample, self.selected, self.address, *self.first_steps, *self.header.outputs]
        return [*own, *(o for v in self.views.values() for o in v.outputs)]

    def drawn(
        self,
        visitor: Any,
        sample_id: str,
        selected: str,
        tab: str,
        controls: Sequence[Any],
        answers: int = 0,
        **answer: Any,
    ) -> list[Any]:
        """Values for `outputs`: header and open tab drawn, the others left as they are.

        Args:
            controls: values of all tabs' controls, in the order of `inputs`.
            answers: which wish of the address this answers.
            answer: of an event that was handled, `by` and `done` of `Place.at`.
        """
        sample = opened(self.studio, visitor, sample_id)
        graphs = [g for g in (sample.graph, sample.target) if g is not None] if sample else []
        selected = selected if any(selected in g for g in graphs) else ""
        look = Look(self.studio, visitor_of(visitor), sample, selected)
        open_id = sample.id if sample else ""
        waits = sample is not None and self.studio.draft(look.visitor, open_id) is not None
        word = "" if sample is None else PREVIEW if waits else SAVED
        undo, redo = step_words(look)
        address = Place.at(open_id, tab, word, answers, selected=selected, rev=look.rev, undo=undo, redo=redo, **answer)
        values = [open_id, selected, address]
        values += [gr.update(visible=sample is None)] * len(self.first_steps)
        values += self.header.draw(look)
        start = 0
        for view in self.views.values():
            own = controls[start : start + len(view.controls)]
            start += len(view.controls)
            values += list(view.draw(look, *own)) if view.name == tab else [gr.skip()] * len(view.outputs)
        return values

    def redraw(self, controls: Sequence[Any]) -> None:
        """Draw the open tab anew whenever one of its controls changes."""
        for control in controls:
            self.on(control.change, lambda look: None)


def _hear(step: Told) -> None:
    """Show how far slow work is: a download, a network's steps."""
    gr.Progress()(step.share, desc=step.words or None)


EMPTY = ""
"""What a tab says while nothing is open: its first step says it."""


def header(parts: dict[str, Any]) -> View:
    """The always visible line: which sample, its status, undo and redo, which engine made what."""

    def draw(look: Look) -> list[Any]:
        listed = look.studio.samples(look.visitor)
        names = [(_listed(look, entry), entry.id) for entry in listed]
        s = look.sample
        undo, redo = look.studio.steps(look.visitor, s.id) if s else (False, False)
        waiting = look.studio.draft(look.visitor, s.id) if s else None
        return [
            gr.Dropdown(choices=names, value=s.id if s else None),
            status_line(s),
            gr.Button(interactive=undo),
            gr.Button(interactive=redo),
            gr.Row(visible=waiting is not None),
            gr.Accordion(label=waiting_line(waiting) if waiting else ""),
            consequence_words(waiting) if waiting else "",
            note_lines(s),
            look.rev,
        ]

    return View("header", list(parts.values()), draw)


def waiting_line(draft: Draft) -> str:
    """What waits and what would follow, as one line of plain text."""
    follows = draft.consequences.summary or "Nothing else would change."
    return f"Not applied: {in_short(draft.words) or 'an edit'}. {follows}"


def step_words(look: Look) -> tuple[str, str]:
    """What an undo would take back and a redo bring back, in words; "" where there is nothing to tell."""
    s = look.sample
    if s is None:
        return "", ""
    undo, redo = (in_short(told(acts, s, s)) for acts in look.studio.next_steps(look.visitor, s.id))
    return undo, redo


def consequence_words(draft: Draft) -> str:
    """What waits, and what else applying it would change, as Markdown."""
    found = draft.consequences
    own = "  \n".join(f"**{plain(words)}**" for words in draft.words)
    out = [f"{own}  \nFurther edits join this preview.", found.summary or "Nothing else would change."]
    for title, changes, more in lines(found):
        rows = [_change_line(title, c) for c in changes]
        out.append("\n".join([f"**{title}**", "", *rows, *([f"- and {more} more"] if more else [])]))
    return "\n\n".join(out)


def _change_line(title: str, c: Change) -> str:
    if title not in SELF_TELLING:
        return f"- {plain(c.about)}: {plain(c.before) or 'new'} → **{plain(c.after) or 'gone'}**"
    if c.before and c.after:
        return f"- {plain(c.before)} → **{plain(c.after)}**"
    return f"- **{plain(c.after)}**" if c.after else f"- gone: {plain(c.before)}"


SELF_TELLING = ("Relations", "Questions", "Contradictions")
"""Kinds of change whose words say what they are about."""


def _listed(look: Look, entry: Listed) -> str:
    waits = look.studio.draft(look.visitor, entry.id) is not None
    marks = [entry.review] * (entry.review != "draft") + ["an edit waits"] * waits
    return " · ".join([entry.name, *marks])


def status_line(s: Sample | None) -> str:
    """Which engine made what and what is assumed: one line of Markdown with all outside text escaped."""
    if s is None:
        return "Nothing is open yet. **Drop a picture** below, pick an example, or name a scene."
    runs = {run.stage: run.engine for run in s.provenance}
    depth = f"{s.depth.source or runs.get('depth')} ({s.depth.unit})" if s.depth is not None else "none"
    places = "1 place" if len(s.clashes) == 1 else f"{len(s.clashes)} places"
    parts = [
        f"**{plain(s.name)}** {s.width} × {s.height} px",
        *([f"**⚠ contradicts itself in {places}** (Graph tab)"] if s.clashes else []),
        f"depth: {plain(depth)}",
        f"objects: {len(s.objects)} by {plain(runs.get('objects', 'hand'))}",
        f"masks: {plain(runs.get('masks', runs.get('objects', 'none')))}",
    ]
    if "image" in runs:
        parts.append(f"picture: {plain(runs['image'])}")
    if s.camera is not None and s.camera.is_assumed and s.depth is not None:
        parts.append("camera: 60° assumed")
    return " · ".join(parts)


def note_lines(s: Sample | None) -> str:
    """What else to know of a sample, a line each, as Markdown."""
    return "  \n".join(f"Note: {plain(w)}" for w in s.warnings[:4]) if s else ""
