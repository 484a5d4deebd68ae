"""The studio: every verb over one store. The screen and the command line speak to this."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spacestudio.domain.compaction import compact
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event, effective, fold, revision
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.errors import InputError, NotFound
from spacestudio.formats.folder import read_samples
from spacestudio.formats.pictures import Picture, read_picture
from spacestudio.services import judge
from spacestudio.services.begin import Recipe, depth_events, from_picture, from_render, object_events
from spacestudio.services.bring import events_of
from spacestudio.services.consequences import Consequences, consequences
from spacestudio.services.derive import Deriver
from spacestudio.services.estimate import estimate, supplied
from spacestudio.services.find import find
from spacestudio.services.imagine import imagine_scene, render, source_of, synthesize
from spacestudio.services.publish import preview, publish
from spacestudio.settings import settings
from spacestudio.store.blobs import Blobs, MemoryBlobs
from spacestudio.store.database import Database, Listed

PROJECT = "default"
MAX_CANDIDATES = 8


@dataclass(frozen=True, eq=False)
class Candidate:
    """A regenerated picture, measured and verified, not yet kept."""

    id: str
    sample: Sample
    events: list[Event]
    blobs: MemoryBlobs


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
        acts: what would be appended, as one group.
        after: the sample with them.
    """

    before: Sample
    acts: tuple[judge.Act, ...]
    after: Sample

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

    def summaries(self, owner: str) -> list[Summary]:
        """The owner's samples with their counts, oldest first; nothing is derived."""
        out = []
        for entry in self.samples(owner):
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
        graph, run = imagine_scene(scene, seed, scene_engine)
        made = synthesize(graph, self.blobs, seed, image_engine, run)
        return self._create(owner, made.id, made.events)

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

    # Acts

    def act(
        self, owner: str, sample_id: str, make: Callable[[Sample], Sequence[judge.Act]], author: str = "person"
    ) -> Sample:
        """Append what a function of `judge` makes of the sample, as one group; the sample afterwards.

        While a draft of the sample is open, its edits join the draft and nothing is appended yet.
        """
        with self._lock:
            if (owner, sample_id) in self._kept.drafts:
                return self._drafted(owner, sample_id, make, author)
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
            return Draft(before, acts, self.deriver.sample(sample_id, (*before.events, *events)) if acts else before)

    def begin_draft(self, owner: str, sample_id: str) -> None:
        """From here on edits of the sample wait, until `apply` or `discard`; an open draft stays as it is."""
        with self._lock:
            if (owner, sample_id) not in self._kept.drafts:
                before = self.open(owner, sample_id)
                self._kept.drafts[owner, sample_id] = Draft(before, (), before)
                while len(self._kept.drafts) > 256:
                    self._kept.drafts.popitem(last=False)

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

    def apply(self, owner: str, sample_id: str) -> Sample:
        """Append the edits that wait, as one group; the sample afterwards.

        Raises:
            InputError: the sample was changed elsewhere since they were made; they still wait.
        """
        with self._lock:
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
        together = (*waiting.acts, *acts)
        after = self.deriver.sample(sample_id, (*waiting.before.events, *_events(waiting.before, together, author)))
        self._kept.drafts[owner, sample_id] = Draft(waiting.before, together, after)
        return after

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
            events = self.look(owner, sample_id).events
            done, _ = effective(events)
            if not done or not done[-1].group:
                return None
            cut = len(done)
            while cut and done[cut - 1].group == done[-1].group:
                cut -= 1
            key = (owner, sample_id, _stamp(done[:cut]))
            return self._kept.samples.get(key) or self.deriver.sample(sample_id, done[:cut])

    def undo(self, owner: str, sample_id: str) -> Sample:
        """Take the last group of acts back; nothing happens when there is none."""
        return self._step(owner, sample_id, "undo")

    def redo(self, owner: str, sample_id: str) -> Sample:
        """Bring the last undone group back; nothing happens when there is none."""
        return self._step(owner, sample_id, "redo")

    def _step(self, owner: str, sample_id: str, kind: str) -> Sample:
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

    def find_objects(self, owner: str, sample_id: str, engine: str = "proposals", labels: Sequence[str] = ()) -> Sample:
        """Add what an object engine finds, beside what is there."""

        def make(s: Sample) -> list[judge.Act]:
            found = find(s.image, s.depth, engine, labels, taken=s.graph.ids)
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

        Raises:
            InputError: nothing was asked, or the target has no layout.
        """
        if self.draft(owner, sample_id):
            raise InputError("An edit is still a preview", next_step="Apply or discard it first")
        sample = self.open(owner, sample_id)
        if sample.target is None or (sample.layout is None and not sample.problem):
            raise InputError(
                "Nothing was asked of a new picture", next_step="Change a relation or a box in the Regenerate tab first"
            )
        if sample.layout is None:
            raise InputError(sample.problem)
        rendered, run = render(sample.layout, source_of(sample), engine, seed)
        memory = MemoryBlobs()
        runs = [EngineRun("layout", "cp-sat", seed=0), run]
        made_id, events = from_render(
            rendered,
            sample.layout,
            sample.target,
            runs,
            memory,
            f"{sample.name} changed"[:80],
            sample_id,
            fold(sample.events).unlisted,
        )
        candidate = Candidate(made_id, Deriver(memory).sample(made_id, events), events, memory)
        with self._lock:
            waiting = self._kept.candidates.setdefault((owner, sample_id), [])
            waiting[:] = [*[c for c in waiting if c.id != candidate.id][1 - MAX_CANDIDATES :], candidate]
            while len(self._kept.candidates) > 64:
                self._kept.candidates.popitem(last=False)
        return candidate

    def keep(self, owner: str, sample_id: str, candidate_id: str) -> str:
        """Keep a candidate as a new sample; its id."""
        candidate = next((c for c in self.candidates(owner, sample_id) if c.id == candidate_id), None)
        if candidate is None:
            raise NotFound("This candidate is gone", next_step="Regenerate the picture")
        candidate.blobs.pour_into(self.blobs)
        return self._create(owner, candidate.id, candidate.events, sample_id)

    # Export

    def publish(self, owner: str, sample_ids: Sequence[str], format_name: str, out: Path) -> list[Path]:
        """Write chosen samples in a named format."""
        return publish([self.open(owner, i) for i in sample_ids], format_name, out)

    def preview(self, owner: str, sample_ids: Sequence[str], format_name: str) -> tuple[list[dict[str, Any]], int]:
        """The first rows of an export, and how many there are."""
        return preview([self.open(owner, i) for i in sample_ids], format_name)


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
