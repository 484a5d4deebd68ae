"""The studio: every verb over one store. The screen and the command line speak to this."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from spacestudio.domain.compaction import compact
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event, effective, fold, revision
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines import IMAGINE
from spacestudio.engines.progress import Listener, Told, listening
from spacestudio.errors import Cancelled, InputError, NotFound, SpaceStudioError
from spacestudio.formats.folder import read_samples
from spacestudio.formats.pictures import Picture, read_picture
from spacestudio.services import judge
from spacestudio.services.begin import Recipe, depth_events, from_picture, from_render, object_events
from spacestudio.services.bring import events_of
from spacestudio.services.consequences import Consequences, consequences, told
from spacestudio.services.converse import imagine_scene
from spacestudio.services.derive import Deriver
from spacestudio.services.estimate import estimate, supplied
from spacestudio.services.find import find
from spacestudio.services.imagine import (
    AGAIN,
    draw,
    is_better,
    layout_around,
    layout_for,
    source_of,
    standing,
    synthesize,
    to_mend,
)
from spacestudio.services.publish import preview, publish
from spacestudio.services.verify import Counts, count
from spacestudio.settings import settings
from spacestudio.store.blobs import Blobs, MemoryBlobs
from spacestudio.store.database import Database, Listed

PROJECT = "default"
MAX_CANDIDATES = 16
"""Candidates a sample has at most; the oldest goes first."""
MAX_WAITING = 256
"""Candidates of all samples together; the sample regenerated longest ago loses its own first."""
RETRIES = 5
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A regenerated picture, measured and verified, not yet kept.

    Attributes:
        sample: without its cloud, views and questions; keeping derives them.
        time: when it was made.
        engine: the image engine as it was named, with its weights if they were.
    """

    id: str
    sample: Sample
    events: list[Event]
    blobs: MemoryBlobs
    time: str = ""
    engine: str = ""

    @property
    def seed(self) -> int:
        """What it was made with."""
        return next((r.seed or 0 for r in self.sample.provenance if r.stage == "image"), 0)

    @property
    def counts(self) -> Counts:
        """Asked relations that are verified, failed, undecided."""
        return count(r.verdict for r in self.sample.verdicts)


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """The one with the most verified, then the fewest failed relations, the first made of equals; None without any."""
    return min(candidates, key=lambda c: standing(r.verdict for r in c.sample.verdicts), default=None)


@dataclass(frozen=True, eq=False)
class Attempt:
    """One picture of several that are made one after the other.

    Attributes:
        item: which one, for a person.
        number, total: its place, from 1.
        sample_id: of the sample it was made from.
        candidate: what was made; None when nothing was.
        problem: why nothing was made, or what to know about it; empty otherwise.
    """

    item: str
    number: int
    total: int
    sample_id: str
    candidate: Candidate | None = None
    problem: str = ""


@dataclass(frozen=True)
class Summary:
    """What the data set's list shows of a sample."""

    id: str
    name: str
    review: str
    parent: str | None
    objects: int
    accepted: int


@dataclass(frozen=True, eq=False)
class Draft:
    """Edits of a sample that wait for a person's yes.

    Attributes:
        before: the stored sample they were made on.
        steps: the acts of each edit, in order.
        after: the sample with them.
        undone: edits taken back that a redo would bring back, the last one first.
        asked: whether the next edit is to wait too, even if it is the first.
    """

    before: Sample
    steps: tuple[tuple[judge.Act, ...], ...]
    after: Sample
    undone: tuple[tuple[judge.Act, ...], ...] = ()
    asked: bool = False

    @property
    def acts(self) -> tuple[judge.Act, ...]:
        """What would be appended, as one group."""
        return tuple(act for step in self.steps for act in step)

    @property
    def words(self) -> tuple[str, ...]:
        """What the edits themselves say, a line each."""
        return told(self.acts, self.before, self.after)

    @property
    def consequences(self) -> Consequences:
        """What applying them changes."""
        return consequences(self.before, self.after)


QUIET = frozenset({"qa.status", "review", "rename"})
"""Acts that change nothing else, so no draft is made of them."""


@dataclass
class _Kept:
    """Derived samples of recent use by owner, id and `_stamp` of the log; candidates and drafts waiting for a decision."""

    samples: OrderedDict[tuple[str, str, int], Sample] = field(default_factory=OrderedDict)
    candidates: OrderedDict[tuple[str, str], list[Candidate]] = field(default_factory=OrderedDict)
    drafts: OrderedDict[tuple[str, str], Draft] = field(default_factory=OrderedDict)
    looks: dict[tuple[str, str], int] = field(default_factory=dict)
    work: dict[str, bool] = field(default_factory=dict)


class Studio:
    """Samples of many visitors; `owner` is an unguessable id, and no owner sees another's samples."""

    def __init__(self, data: Path | None = None, database: str = "") -> None:
        self._temporary = None if data else tempfile.TemporaryDirectory(prefix="space-studio-")
        self.data = Path(data) if data else Path(self._temporary.name)  # type: ignore[union-attr]
        self.data.mkdir(parents=True, exist_ok=True)
        self.database = Database(database or f"sqlite:///{self.data / 'studio.db'}")
        self.blobs = Blobs(str(self.data / "blobs"))
        self.deriver = Deriver(self.blobs)
        self._kept, self._lock = _Kept(), threading.RLock()
        self._offered: list[tuple[str, list[Event], str | None]] = []

    # Samples

    def samples(self, owner: str) -> list[Listed]:
        """The owner's samples, oldest first."""
        return self.database.samples(PROJECT, owner)

    def summaries(self, owner: str, listed: Sequence[Listed] | None = None) -> list[Summary]:
        """The owner's samples, all or those listed, with their counts; nothing is derived, but each one's log is read."""
        out = []
        for entry in self.samples(owner) if listed is None else listed:
            state = fold(self.database.events(PROJECT, owner, entry.id))
            accepted = sum(p["status"] == "accepted" for p in state.qa_status.values())
            out.append(Summary(entry.id, entry.name, entry.review, entry.parent, len(state.objects), accepted))
        return out

    def open(self, owner: str, sample_id: str) -> Sample:
        """A sample with everything derived."""
        events = self.database.events(PROJECT, owner, sample_id)
        key = (owner, sample_id, _stamp(events))
        with self._lock:
            if key in self._kept.samples:
                self._kept.samples.move_to_end(key)
                return self._kept.samples[key]
            sample = self.deriver.sample(sample_id, events)
            self._kept.samples[key] = sample
            while len(self._kept.samples) > 12:
                self._kept.samples.popitem(last=False)
            return sample

    def add_picture(self, owner: str, picture: Picture | bytes, name: str = "", recipe: Recipe | None = None) -> str:
        """Analyse a picture into a new sample; its id."""
        if isinstance(picture, bytes):
            picture = read_picture(picture, name)
        with self._lock:
            sample_id, events = from_picture(picture, recipe or Recipe(), self.blobs)
        return self._create(owner, sample_id, events)

    def imagine(
        self, owner: str, scene: str | None, seed: int = 0, scene_engine: str = "grammar", image_engine: str = "compositor"
    ) -> str:
        """Synthesise a scene into a new sample; its id."""
        return self.imagined(owner, scene, seed, scene_engine, image_engine)[0]

    def imagined(
        self, owner: str, scene: str | None, seed: int = 0, scene_engine: str = "grammar", image_engine: str = "compositor"
    ) -> tuple[str, str]:
        """As `imagine`, and what the language model took and did otherwise than asked; "" without one."""
        written = imagine_scene(scene, seed, scene_engine)
        made = synthesize(written.graph, self.blobs, seed, image_engine, written.run, notes=written.warnings)
        took = f"Language model: {written.counts.line}." if written.counts.calls else ""
        return self._create(owner, made.id, made.events), " ".join(filter(None, (*written.warnings, took)))

    def bring(self, owner: str, sample: Sample) -> str:
        """A sample read from a folder; its id. Its event log is replayed where it is whole, else a new one is begun."""
        return self._create(owner, sample.id, events_of(sample, self.blobs), sample.parent)

    def offer(self, folder: Path) -> list[str]:
        """Let every new visitor start with a copy of the sample folders below; what could not be read, a line each."""
        samples, problems = read_samples(folder)
        self._offered = [(s.id, events_of(s, self.blobs), s.parent) for s in samples]
        return problems

    def welcome(self, owner: str) -> None:
        """Give a new visitor the offered samples."""
        if self._offered and not self.samples(owner):
            for sample_id, events, parent in self._offered:
                self._create(owner, sample_id, events, parent)

    def _create(self, owner: str, sample_id: str, events: Sequence[Event], parent: str | None = None) -> str:
        time = now()
        stamped = [Event(e.seq, e.kind, e.payload, e.author, e.time or time, e.group) for e in events]
        return self.database.create(PROJECT, owner, sample_id, stamped, parent)

    def delete(self, owner: str, sample_id: str) -> None:
        """Remove a sample for good."""
        self.database.delete(PROJECT, owner, sample_id)

    def rename(self, owner: str, sample_id: str, name: str) -> Sample:
        """Give a sample another name."""
        return self.act(owner, sample_id, lambda s: [("rename", {"name": judge.clean_label(name)})])

    def review(self, owner: str, sample_ids: Sequence[str], status: str) -> int:
        """Give samples a review status, each as one step of its own; nothing is derived. How many had another one before.

        Samples that are gone are passed over.
        """
        there = {entry.id: entry for entry in self.samples(owner)}
        wanted = [i for i in dict.fromkeys(sample_ids) if i in there and there[i].review != status]
        for sample_id in wanted:
            with self._lock:
                if self.draft(owner, sample_id):
                    self.act(owner, sample_id, lambda s: [("review", {"status": status})])
                    continue
                last = self.database.events(PROJECT, owner, sample_id)[-1]
                seq = last.seq + 1
                event = Event(seq, "review", {"status": status}, "person", now(), f"g{seq}")
                self.database.append(PROJECT, owner, sample_id, [event], there[sample_id].name, status, last)
        return len(wanted)

    # Acts

    def act(
        self, owner: str, sample_id: str, make: Callable[[Sample], Sequence[judge.Act]], author: str = "person"
    ) -> Sample:
        """Append what a function of `judge` makes of the sample, as one group; the sample afterwards.

        While a draft of the sample is open, its edits join the draft and nothing is appended yet.
        """
        with self._lock:
            waiting = self._kept.drafts.get((owner, sample_id))
            if waiting and (waiting.steps or waiting.asked):
                return self._drafted(owner, sample_id, make, author)
            self._kept.drafts.pop((owner, sample_id), None)
            before = self.open(owner, sample_id)
            acts = list(make(before))
            if not acts:
                return before
            events = _events(before, acts, author)
            after = self.deriver.sample(sample_id, (*before.events, *events))  # what can't be derived is not appended
            self.database.append(PROJECT, owner, sample_id, events, after.name, after.review, before.events[-1])
            self._kept.samples[(owner, sample_id, _stamp(after.events))] = after
            return after

    def foresee(self, owner: str, sample_id: str, make: Callable[[Sample], Sequence[judge.Act]]) -> Draft:
        """What an act would change, with nothing appended."""
        with self._lock:
            before = self.open(owner, sample_id)
            acts = tuple(make(before))
            events = _events(before, acts, "person")
            return Draft(before, (acts,), self.deriver.sample(sample_id, (*before.events, *events)) if acts else before)

    def begin_draft(self, owner: str, sample_id: str) -> None:
        """Let the next edit wait, and those after it, until `apply` or `discard`; an open draft stays as it is."""
        with self._lock:
            waiting = self._kept.drafts.get((owner, sample_id))
            if waiting:
                self._kept.drafts[owner, sample_id] = replace(waiting, asked=True)
            else:
                before = self.open(owner, sample_id)
                self._kept.drafts[owner, sample_id] = Draft(before, (), before, (), True)
                while len(self._kept.drafts) > 256:
                    self._kept.drafts.popitem(last=False)

    def settle(self, owner: str, sample_id: str) -> None:
        """An edit that was to wait is over: forget a draft of which nothing waits and nothing could be redone."""
        with self._lock:
            waiting = self._kept.drafts.get((owner, sample_id))
            if waiting and (waiting.steps or waiting.undone):
                self._kept.drafts[owner, sample_id] = replace(waiting, asked=False)
            elif waiting:
                del self._kept.drafts[owner, sample_id]

    def draft(self, owner: str, sample_id: str) -> Draft | None:
        """The edits that wait; None when there are none."""
        found = self._kept.drafts.get((owner, sample_id))
        return found if found and found.acts else None

    def look(self, owner: str, sample_id: str) -> Sample:
        """The sample as a screen shows it: with the edits that wait, else as it is stored."""
        waiting = self.draft(owner, sample_id)
        return waiting.after if waiting else self.open(owner, sample_id)

    def revision(self, owner: str, sample_id: str) -> int:
        """A number that grows whenever `look` may show something else, drafts made and discarded included."""
        return max(revision(self.look(owner, sample_id).events), self._kept.looks.get((owner, sample_id), 0))

    def _touch(self, owner: str, sample_id: str) -> None:
        self._kept.looks[owner, sample_id] = self.revision(owner, sample_id) + 1

    def apply(self, owner: str, sample_id: str, seen: int | None = None) -> Sample:
        """Append the edits that wait, as one group; the sample afterwards.

        Args:
            seen: the `revision` the person looked at; None takes what waits now.

        Raises:
            InputError: the sample, or the preview of it, was changed elsewhere; the edits still wait.
        """
        with self._lock:
            if seen is not None and seen != self.revision(owner, sample_id):
                raise InputError("The preview was changed in another window", next_step="Look at it again, then apply it")
            waiting = self._kept.drafts.pop((owner, sample_id), None)
            if waiting is None or not waiting.acts:
                return self.open(owner, sample_id)
            stored = self.open(owner, sample_id)
            if _stamp(stored.events) != _stamp(waiting.before.events):
                self._kept.drafts[owner, sample_id] = waiting
                raise InputError(
                    "This sample was changed in another window since", next_step="Discard the preview, and edit again"
                )
            return self.act(owner, sample_id, lambda _: waiting.acts)

    def discard(self, owner: str, sample_id: str) -> None:
        """Forget the edits that wait."""
        with self._lock:
            if self.draft(owner, sample_id):
                self._touch(owner, sample_id)
            self._kept.drafts.pop((owner, sample_id), None)

    def _drafted(self, owner: str, sample_id: str, make: Callable[[Sample], Sequence[judge.Act]], author: str) -> Sample:
        waiting = self._kept.drafts[owner, sample_id]
        acts = tuple(make(waiting.after))
        if not acts:
            return waiting.after
        if not waiting.acts and all(kind in QUIET for kind, _ in acts):
            del self._kept.drafts[owner, sample_id]
            return self.act(owner, sample_id, lambda _: acts)
        return self._redraft(owner, sample_id, (*waiting.steps, acts), (), author)

    def _redraft(
        self, owner: str, sample_id: str, steps: tuple[tuple[judge.Act, ...], ...], undone: Any, author: str = "person"
    ) -> Sample:
        """Keep these edits as what waits; the sample with them."""
        before = self._kept.drafts[owner, sample_id].before
        acts = [act for step in steps for act in step]
        after = self.deriver.sample(sample_id, (*before.events, *_events(before, acts, author))) if acts else before
        self._touch(owner, sample_id)
        self._kept.drafts[owner, sample_id] = Draft(before, steps, after, undone)
        return after

    def steps(self, owner: str, sample_id: str) -> tuple[bool, bool]:
        """Whether there is something to undo, and to redo: of the edits that wait while there are any."""
        waiting = self._kept.drafts.get((owner, sample_id))
        if waiting and (waiting.steps or waiting.undone):
            return bool(waiting.steps), bool(waiting.undone)
        return can_step(self.open(owner, sample_id))

    def next_steps(self, owner: str, sample_id: str) -> tuple[tuple[judge.Act, ...], tuple[judge.Act, ...]]:
        """The acts an undo would take back, and those a redo would bring back; empty where there are none."""
        waiting = self._kept.drafts.get((owner, sample_id))
        if waiting and (waiting.steps or waiting.undone):
            return (waiting.steps or ((),))[-1], (waiting.undone or ((),))[0]
        done, undone = effective(self.open(owner, sample_id).events)
        last = done[-1].group if done else ""
        groups = [e for e in done if last and e.group == last], undone[-1] if undone else []
        back, again = (tuple((e.kind, dict(e.payload)) for e in group) for group in groups)
        return back, again

    def compact(self, owner: str, sample_id: str) -> Sample:
        """Shorten a sample's log to what still counts; the sample stays as it is, and nothing before can be undone.

        Raises:
            Moved: somebody else changed the sample meanwhile.
        """
        with self._lock:
            read = self.database.events(PROJECT, owner, sample_id)
            short = compact(read)
            if short != read:
                self._touch(owner, sample_id)
                self.database.replace(PROJECT, owner, sample_id, read, short)
            return self.open(owner, sample_id)

    def previous(self, owner: str, sample_id: str) -> Sample | None:
        """The sample without its last step; None when nothing was done to it since it was made."""
        with self._lock:
            sample = self.look(owner, sample_id)
            if not can_step(sample)[0]:
                return None
            before, _ = effective((*sample.events, Event(sample.events[-1].seq + 1, "undo")))
            return self._kept.samples.get((owner, sample_id, _stamp(before))) or self.deriver.sample(sample_id, before)

    def undo(self, owner: str, sample_id: str) -> Sample:
        """Take the last group of acts back; nothing happens when there is none."""
        return self._step(owner, sample_id, "undo")

    def redo(self, owner: str, sample_id: str) -> Sample:
        """Bring the last undone group back; nothing happens when there is none."""
        return self._step(owner, sample_id, "redo")

    def _step(self, owner: str, sample_id: str, kind: str) -> Sample:
        with self._lock:
            waiting = self._kept.drafts.get((owner, sample_id))
            if waiting and (waiting.steps or waiting.undone):  # stored steps are not touched while edits wait
                steps, undone = waiting.steps, waiting.undone
                if kind == "undo" and steps:
                    return self._redraft(owner, sample_id, steps[:-1], (steps[-1], *undone))
                if kind == "redo" and undone:
                    return self._redraft(owner, sample_id, (*steps, undone[0]), undone[1:])
                return waiting.after
        self.discard(owner, sample_id)
        sample = self.open(owner, sample_id)
        if not can_step(sample)[kind == "redo"]:
            return sample
        return self.act(owner, sample_id, lambda s: [(kind, {})])

    def set_depth(self, owner: str, sample_id: str, depth: str | DepthMap, camera: Any = None) -> Sample:
        """Measure again with another depth engine or a depth map that came in a file."""

        def make(s: Sample) -> list[judge.Act]:
            made = supplied(depth) if isinstance(depth, DepthMap) else estimate(s.image, depth, [o.box for o in s.objects])
            return [(e.kind, dict(e.payload)) for e in depth_events(made, camera, self.blobs, 0)]

        return self.act(owner, sample_id, make)

    def find_objects(
        self, owner: str, sample_id: str, engine: str = "proposals", labels: Sequence[str] = (), masks: str = "grabcut"
    ) -> Sample:
        """Add what an object engine finds, beside what is there."""

        def make(s: Sample) -> list[judge.Act]:
            found = find(s.image, s.depth, engine, labels, masks, s.graph.ids)
            fresh = tuple(o for o in found.objects if all(o.box.iou(k.box) < 0.6 for k in s.objects))
            return (
                [(e.kind, dict(e.payload)) for e in object_events(type(found)(fresh, found.run, found.mask_run), 0)]
                if fresh
                else []
            )

        return self.act(owner, sample_id, make)

    # Regenerate

    def candidates(self, owner: str, sample_id: str) -> list[Candidate]:
        """Regenerated pictures waiting for a decision."""
        return list(self._kept.candidates.get((owner, sample_id), ()))

    def regenerate(self, owner: str, sample_id: str, engine: str = "compositor", seed: int = 0) -> Candidate:
        """Make a picture of the target, measure it, and verify each asked relation in it.

        Seed 0 draws the sample's layout. Engines that draw a layout to the letter get another layout with another seed.
        What an engine can't know of its picture is measured in it.

        Raises:
            InputError: nothing was asked, or the target has no layout.
            Unavailable, Cancelled: from the engine; the sample and its candidates stay as they were.
        """
        sample, target = self._wishful(owner, sample_id)
        assert sample.layout is not None
        wants = fold(sample.events).wants
        other = seed and wants and IMAGINE[engine].built_in
        layout = layout_for(sample, target, wants, seed) if other else sample.layout
        candidate = self._candidate(sample, target, layout, engine, seed, seed if other else 0)
        self._add_candidate(owner, sample_id, candidate)
        return candidate

    def regenerate_many(
        self,
        owner: str,
        sample_ids: Sequence[str],
        engine: str = "compositor",
        seed: int = 0,
        count: int = 1,
        go_on: Callable[[], bool] = lambda: True,
        hear: Listener | None = None,
        again: int = AGAIN,
    ) -> Iterator[Attempt]:
        """`count` candidates of each sample, by consecutive seeds; each is told of when it is made.

        What can't be made is told of too, and never takes the others with it. When the best of a sample's pictures fails a
        relation, an engine that draws by chance makes up to `again` more, as `retry` does.

        Args:
            go_on: asked before each picture, and at each step of an engine that tells of its steps, whether to go on. What
                was made stays.
            hear: hears each step.
            again: for each sample.

        Raises:
            InputError: more are asked for than are kept.
        """
        IMAGINE[engine]
        total = len(sample_ids) * count
        if not 1 <= count <= MAX_CANDIDATES or total > MAX_WAITING:
            raise InputError(
                f"{total} pictures at once", f"1 to {MAX_CANDIDATES} a sample, {MAX_WAITING} in all", "Choose fewer samples"
            )
        for place, sample_id in enumerate(sample_ids):
            name, start = sample_id, place * count
            try:
                name = self._wishful(owner, sample_id)[0].name
            except SpaceStudioError as error:
                yield Attempt(name, start + count, total, sample_id, None, str(error))
                continue
            fresh: list[Candidate] = []
            for k in range(count):
                had = {c.id for c in self.candidates(owner, sample_id)}
                item = name if count == 1 else f"{name}, seed {seed + k}"
                try:
                    with _heard(go_on, hear):
                        made, problem = _attempted(item, partial(self.regenerate, owner, sample_id, engine, seed + k))
                except Cancelled:
                    return
                if made is not None and made.id in had:
                    problem = "the same picture as one already there"
                fresh += [made] if made is not None else []
                yield Attempt(item, start + k + 1, total, sample_id, made, problem)
            best = best_of(fresh)
            if again and best is not None and best.counts["failed"] and not IMAGINE[engine].built_in:
                for tried in self.retry(owner, sample_id, best.id, again, go_on, hear):
                    yield replace(tried, item=f"{name}, {tried.item}", number=start + count, total=total)

    def retry(
        self,
        owner: str,
        sample_id: str,
        candidate_id: str,
        tries: int = RETRIES,
        go_on: Callable[[], bool] = lambda: True,
        hear: Listener | None = None,
    ) -> Iterator[Attempt]:
        """Try again only what failed in a candidate: other places for the things of its failed relations, all else stays.

        An engine that draws by chance keeps the places, which were right, and gets another seed.
        Each try is told of. One in which no verdict fell and one rose joins the candidates, with the same wish as its
        goal; the tries end early when nothing is left to mend. So the candidate itself is never replaced by worse. Its
        number and the limit stand in its provenance.

        Raises:
            InputError: nothing failed, or nothing that failed may move.
            NotFound: the candidate is gone.
        """
        best = self._waiting(owner, sample_id, candidate_id)
        sample, target, layout = self.open(owner, sample_id), best.sample.target, best.sample.layout
        assert target is not None
        assert layout is not None
        wants = fold(sample.events).wants
        boxes = {i: b for i, b in wants.boxes.items() if i in target}
        wants = replace(wants, boxes=boxes)
        loose = _ends(to_mend(best.sample.verdicts))
        if not loose:
            raise InputError("Nothing failed in this candidate", next_step="Keep it, or ask for something else")
        run = next(r for r in best.sample.provenance if r.stage == "image")
        engine = best.engine or run.engine
        exact = IMAGINE[engine].built_in
        if exact and not loose - set(boxes):
            raise InputError(
                "All things of the failed relations stand where you put them", next_step="Move one of them yourself"
            )
        first = best.seed
        for k in range(1, tries + 1):
            if not to_mend(best.sample.verdicts):
                return
            seed, base = best.seed + 1000 + k, best
            record = {"try": k, "limit": tries, "of_seed": first, "another": "place" if exact else "seed"}

            def one(seed: int = seed, base: Candidate = base, record: dict[str, Any] = record) -> Candidate:
                held = base.sample.layout or layout
                if exact:
                    held = layout_around(sample, target, wants, held, _ends(to_mend(base.sample.verdicts)), seed)
                retried = EngineRun("retry", "studio", settings=record)
                return self._candidate(sample, target, held, engine, seed, seed if exact else 0, retried)

            try:
                with _heard(go_on, hear):
                    made, problem = _attempted(f"try {k}", one)
            except Cancelled:
                return
            if made is not None and is_better(made.sample.verdicts, best.sample.verdicts):
                best = made
                self._add_candidate(owner, sample_id, made)
            else:
                made, problem = None, problem or "no better"
            yield Attempt(f"try {k}", k, tries, sample_id, made, problem)

    def start_work(self, owner: str) -> None:
        """Work of many pictures begins, or waits for its turn; an earlier `stop_work` no longer counts."""
        self._kept.work[owner] = True

    def stop_work(self, owner: str) -> None:
        """Let it end after the picture being made."""
        if owner in self._kept.work:
            self._kept.work[owner] = False

    def end_work(self, owner: str) -> None:
        """It has ended."""
        self._kept.work.pop(owner, None)

    def works(self, owner: str) -> bool:
        """Whether there is such work that is not to stop."""
        return self._kept.work.get(owner, False)

    def waiting(self, owner: str) -> list[tuple[Listed, list[Candidate]]]:
        """The owner's samples that have candidates, oldest first, with these."""
        found = {key[1]: list(made) for key, made in self._kept.candidates.items() if key[0] == owner and made}
        return [(e, found[e.id]) for e in self.samples(owner) if e.id in found] if found else []

    def wishful(self, owner: str) -> list[Listed]:
        """The owner's samples in which something is asked of a new picture, oldest first."""
        return [e for e in self.samples(owner) if fold(self.database.events(PROJECT, owner, e.id)).wants]

    def _wishful(self, owner: str, sample_id: str) -> tuple[Sample, SpatialGraph]:
        """A sample with a layout for its target, and the target."""
        if self.draft(owner, sample_id):
            raise InputError("An edit is still a preview", next_step="Apply or discard it first")
        sample = self.open(owner, sample_id)
        if sample.target is None or (sample.layout is None and not sample.problem):
            raise InputError(
                "Nothing was asked of a new picture", next_step="Change a relation or a box in the Regenerate tab first"
            )
        if sample.layout is None:
            raise InputError(sample.problem)
        return sample, sample.target

    def _candidate(
        self,
        sample: Sample,
        target: SpatialGraph,
        layout: Layout,
        engine: str,
        seed: int,
        layout_seed: int,
        *more: EngineRun,
    ) -> Candidate:
        rendered, run, measured = draw(layout, target, source_of(sample), engine, seed)
        memory = MemoryBlobs()
        made_id, events = from_render(
            rendered,
            layout,
            target,
            [EngineRun("layout", "cp-sat", seed=layout_seed), run, *more],
            memory,
            f"{sample.name} changed"[:80],
            sample.id,
            fold(sample.events).unlisted,
            measured,
        )
        made = Deriver(memory).sample(made_id, events)
        return Candidate(made_id, made.but(cloud=None, views={}, qa=(), variants=()), events, memory, now(), engine)

    def _add_candidate(self, owner: str, sample_id: str, candidate: Candidate) -> None:
        """Let it wait, the same picture once."""
        with self._lock:
            kept = self._kept.candidates
            waiting = [c for c in kept.pop((owner, sample_id), ()) if c.id != candidate.id]
            kept[owner, sample_id] = [*waiting[1 - MAX_CANDIDATES :], candidate]
            while len(kept) > 1 and sum(map(len, kept.values())) > MAX_WAITING:
                kept.popitem(last=False)

    def _waiting(self, owner: str, sample_id: str, candidate_id: str) -> Candidate:
        candidate = next((c for c in self.candidates(owner, sample_id) if c.id == candidate_id), None)
        if candidate is None:
            raise NotFound("This candidate is gone", next_step="Regenerate the picture")
        return candidate

    def keep(self, owner: str, sample_id: str, candidate_id: str) -> str:
        """Keep a candidate as a new sample; its id."""
        candidate = self._waiting(owner, sample_id, candidate_id)
        candidate.blobs.pour_into(self.blobs)
        return self._create(owner, candidate.id, candidate.events, sample_id)

    # Export

    def publish(self, owner: str, sample_ids: Sequence[str], format_name: str, out: Path) -> list[Path]:
        """Write chosen samples in a named format."""
        return publish([self.open(owner, i) for i in sample_ids], format_name, out)

    def preview(self, owner: str, sample_ids: Sequence[str], format_name: str) -> tuple[list[dict[str, Any]], int]:
        """The first rows of an export, and how many there are."""
        return preview([self.open(owner, i) for i in sample_ids], format_name)


def _ends(relations: Sequence[Relation]) -> set[str]:
    return {end for r in relations for end in (r.subject, r.object)}


@contextmanager
def _heard(go_on: Callable[[], bool], hear: Listener | None) -> Iterator[None]:
    """Within, work that tells of its steps is heard, and stopped as soon as it is not to go on.

    Raises:
        Cancelled: also at once, when it is not to go on from the start.
    """

    def listen(step: Told | None) -> None:
        if not go_on():
            raise Cancelled("Stopped")
        if step is not None and hear is not None:
            hear(step)

    listen(None)
    with listening(listen):
        yield


def _attempted(item: str, make: Callable[[], Candidate]) -> tuple[Candidate | None, str]:
    """What was made, or in one line why nothing was."""
    try:
        return make(), ""
    except Cancelled:
        raise
    except SpaceStudioError as error:
        return None, str(error)
    except Exception as error:  # a defect of ours must not take the other pictures with it
        log.exception("%s failed unexpectedly", item)
        return None, f"Unexpected {type(error).__name__}: {error}"


def _stamp(events: Sequence[Event]) -> int:
    """Tells logs apart by place, kind, author, time and group of all events: equal lengths don't make equal logs."""
    return hash(tuple(events))


def _events(before: Sample, acts: Sequence[judge.Act], author: str) -> list[Event]:
    """The acts as events that go on with the sample's log, one group."""
    seq = before.events[-1].seq + 1
    group, time = f"g{seq}", now()
    return [Event(seq + k, kind, payload, author, time, group) for k, (kind, payload) in enumerate(acts)]


def can_step(sample: Sample) -> tuple[bool, bool]:
    """Whether there is something to undo, and to redo."""
    done, undone = effective(sample.events)
    return bool(done and done[-1].group), bool(undone)


def now() -> str:
    """This moment as events carry it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def open_studio() -> Studio:
    """The studio the environment asks for."""
    chosen = settings()
    return Studio(chosen.data, chosen.database)
