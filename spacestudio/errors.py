"""The errors a person may meet.

    SpaceStudioError
    ├── InputError              something from outside can't be used
    │   ├── ImageError          a picture
    │   ├── DepthError          a depth file
    │   ├── CameraError         a camera file or intrinsics
    │   ├── GraphError          a scene graph
    │   └── FormatError         a data set file
    ├── ImpossibleGraph         relations that can't hold together
    ├── LayoutError             the solver found no layout although the relations agree
    ├── UnknownName             a name no registry knows
    ├── Unavailable             an engine whose package, weights or device is missing
    ├── NotFound                a sample, object or relation that is not in the store
    └── Cancelled               the person stopped it

Every message says what was received, what is accepted, and the next step, in one line.
"""

from __future__ import annotations

from collections.abc import Iterable


class SpaceStudioError(Exception):
    """The root: anything a person can act on. Its text is one line."""

    def __init__(self, received: str, accepted: str = "", next_step: str = "") -> None:
        self.received, self.accepted, self.next_step = received, accepted, next_step
        parts = [received, f"Accepted: {accepted}" if accepted else "", next_step]
        super().__init__(" ".join(sentence(part) for part in parts if part))


class InputError(SpaceStudioError):
    """Something from outside can't be used."""


class ImageError(InputError):
    """A picture that can't be read."""


class DepthError(InputError):
    """A depth file that can't be read or does not fit."""


class CameraError(InputError):
    """A camera that can't be read or does not fit the picture."""


class GraphError(InputError):
    """A scene graph that can't be read."""


class FormatError(InputError):
    """A data set file that can't be read or written."""


class ImpossibleGraph(SpaceStudioError):
    """Relations that can't hold together; `conflict` is an irreducible clash of (subject id, predicate, object id)."""

    def __init__(self, conflict: Iterable[tuple[str, str, str]], words: str) -> None:
        self.conflict = tuple(conflict)
        super().__init__(words, next_step="Remove or flip one of them.")


class LayoutError(SpaceStudioError):
    """The relations agree with each other, yet no layout on the canvas was found."""


class UnknownName(SpaceStudioError):
    """A name no registry knows."""


class Unavailable(SpaceStudioError):
    """An engine that can't run here."""


class NotFound(SpaceStudioError):
    """A sample, object, relation or question that isn't there."""


class Cancelled(SpaceStudioError):
    """The person stopped it."""


def sentence(text: str) -> str:
    """`text` on one line, ending in a full stop."""
    text = " ".join(str(text).split())
    return text if not text or text[-1] in ".!?" else text + "."
