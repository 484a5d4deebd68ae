"""A log without what no longer counts: undone events, and events that later ones speak over.

Dead-store elimination over the slots of a state (ours): a slot is a place an event writes, such as ("name",) or
("object", "cup-1", "label"). Going back from the end, an event goes when each of its slots is written again before
anything reads it; going forward, an event goes that takes back what nobody said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from spacestudio.domain.events import Event, Payload, effective

Slot = tuple[str, ...]
Within = tuple[Slot, ...]
"""A slot, then the wider ones it lies in: whatever writes one of those writes it too."""


@dataclass(frozen=True)
class Touch:
    """What an event does to slots.

    Attributes:
        sets: slots it writes something into, each with the wider ones it lies in.
        clears: slots it empties.
        needs: it sets nothing where this slot is empty.
        reads: slots whose older content still matters.
        stays: it is never dropped.
    """

    sets: tuple[Within, ...] = ()
    clears: tuple[Within, ...] = ()
    needs: Slot | None = None
    reads: tuple[Slot, ...] = ()
    stays: bool = False


def compact(events: Iterable[Event]) -> tuple[Event, ...]:
    """The shortest log with the same state whose events are all from this one, in the same order.

    Undone events, undos and redos go, and so do events that later ones speak over. What is left keeps author, time and
    payload, so that "who changed this" stays; it is numbered from 1 and has no group, so nothing in it can be undone.
    `objects.add` always stays: an id must never be given twice. So does an event of a kind that `TOUCHES` does not
    know, with all that counted when it happened.
    """
    kept: Sequence[Event] = effective(events)[0]
    while len(shorter := _said_something(_not_spoken_over(kept))) < len(kept):
        kept = shorter
    return tuple(replace(event, seq=seq, group="") for seq, event in enumerate(kept, 1))


def _not_spoken_over(events: Sequence[Event]) -> list[Event]:
    """Without the events whose slots are all written again later, before they are read."""
    kept: list[Event] = []
    written: set[Slot] = set()
    for event in reversed(events):
        if event.kind not in TOUCHES:
            written.clear()
        else:
            touch = TOUCHES[event.kind](event.payload)
            within = (*touch.sets, *touch.clears)
            if not touch.stays and all(not written.isdisjoint(slots) for slots in within):
                continue
            written |= {slots[0] for slots in within}
            written -= {*touch.reads, *([touch.needs] if touch.needs else [])}
        kept.append(event)
    return kept[::-1]


def _said_something(events: Sequence[Event]) -> list[Event]:
    """Without the events that only empty what is empty."""
    kept: list[Event] = []
    filled: set[Slot] = set()
    unknown = False
    for event in events:
        if event.kind not in TOUCHES:
            unknown = True
        elif not unknown:
            touch = TOUCHES[event.kind](event.payload)
            sets = touch.sets if touch.needs is None or touch.needs in filled else ()
            if not (touch.stays or sets or any(slots[0] in filled for slots in touch.clears)):
                continue
            filled.update(slot for slots in sets for slot in slots)
        kept.append(event)
    return kept


def _one(*slot: str) -> Callable[[Payload], Touch]:
    """Writes one slot, whatever the payload."""
    return lambda p: Touch(((slot,),))


def _value(slot: str, key: str) -> Callable[[Payload], Touch]:
    """Writes one slot, or empties it with null."""
    return lambda p: Touch((((slot,),),)) if p[key] is not None else Touch(clears=(((slot,),),))


def _created(p: Payload) -> Touch:
    return Touch(((("created",),), (("name",),)), stays=True)


def _depth(p: Payload) -> Touch:
    clears: tuple[Within, ...] = ((("scale",),), (("camera",),)) if p.get("camera") else ((("scale",),),)
    return Touch(((("depth",),), (("run", "depth"),)), clears)


def _objects_add(p: Payload) -> Touch:
    ids = [str(item["id"]) for item in p["objects"]]
    runs: list[Within] = [(("run", stage),) for name, stage in (("run", "objects"), ("mask_run", "masks")) if name in p]
    there = tuple(("there", i) for i in ids)  # where it stands depends on whether it was there
    return Touch((*((("object", i),) for i in ids), *((slot,) for slot in there), *runs), reads=there, stays=True)


def _object_edit(p: Payload) -> Touch:
    gone = str(p["id"])
    sets = tuple((("object", gone, k), ("object", gone)) for k in p if k != "id")
    return Touch(sets, needs=("there", gone))


def _object_delete(p: Payload) -> Touch:
    gone = str(p["id"])
    return Touch(clears=((("there", gone),), (("object", gone),), (("pins", gone),)))


def _pin(p: Payload) -> Within:
    a, b = sorted((p["subject"], p["object"]))
    return ("pin", a, b, p["family"], p["frame"]), ("pins", a), ("pins", b)


def _wanted(p: Payload) -> Within:
    a, b = sorted((p["subject"], p["object"]))
    return ("want relation", a, b, p["family"]), ("wants of", a), ("wants of", b), ("wants",)


def _want(what: str, which: str = "") -> Within:
    return (f"want {what}", which), ("wants",)


def _want_remove(p: Payload) -> Touch:
    gone = p["id"]
    removed = _want("removed", gone)
    clears = (_want("object", gone), _want("box", gone), removed, (("wants of", gone), ("wants",)))
    return Touch((removed,), clears, needs=("there", gone))


TOUCHES: Mapping[str, Callable[[Payload], Touch]] = {
    "created": _created,
    "rename": _one("name"),
    "review": _one("review"),
    "depth": _depth,
    "camera": _value("camera", "camera"),
    "scale": _value("scale", "metres_per_unit"),
    "objects.add": _objects_add,
    "object.edit": _object_edit,
    "object.delete": _object_delete,
    "relation.correct": lambda p: Touch((_pin(p),)),
    "relation.release": lambda p: Touch(clears=(_pin(p),)),
    "layers.cut": _value("cuts", "cuts"),
    "absent": _one("absent"),
    "want.relation": lambda p: Touch((_wanted(p),)),
    "want.unrelate": lambda p: Touch(clears=(_wanted(p),)),
    "want.object": lambda p: Touch((_want("object", p["id"]),), (_want("removed", p["id"]),)),
    "want.remove": _want_remove,
    "want.box": lambda p: Touch((_want("box", p["id"]),)),
    "want.order": lambda p: Touch((_want("order"),)),
    "want.prompt": lambda p: Touch(tuple(_want("prompt", part) for part in p)),
    "want.reset": lambda p: Touch(clears=((("wants",),),)),
    "qa.edit": lambda p: Touch(((("qa edit", p["key"]),),)),
    "qa.status": lambda p: Touch(tuple((("qa status", key),) for key in p["keys"])),
    "run": lambda p: Touch(((("run", p["stage"]),),)),
}
"""What each kind touches; a kind that is not here is never dropped, and neither is what counted before it."""
