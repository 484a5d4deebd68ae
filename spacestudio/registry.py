"""Name -> entry. Menus and docs read entries; the target is imported only when it is made.

Adding an engine, relation, question family or format is one file and one line in its room's registry.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacestudio.errors import Unavailable, UnknownName

ANY = "any"
"""As the model of an entry: whichever the person names."""


@dataclass(frozen=True)
class Entry:
    """One line of a registry.

    Attributes:
        target: "module:attribute", relative to `spacestudio`; imported when asked for.
        help: one sentence for menus and docs.
        label: what the screen calls it; the name when empty.
        needs: importable packages without which it can't run.
        built_in: True when it needs no weights and no network.
        licence, size: of the weights, shown before a download; empty for built-in entries.
        model: the weights' name on the Hub, ANY when the person must name them; empty for built-in entries.
        ready: "module:function" of the model's name that tells in a line why it can't be asked as things are set up, "" when
            it can; wakes nothing heavy. Empty for entries that need no setting up.
    """

    target: str
    help: str
    label: str = ""
    needs: tuple[str, ...] = ()
    built_in: bool = True
    licence: str = ""
    size: str = ""
    model: str = ""
    ready: str = ""

    @property
    def title(self) -> str:
        """The label, and for a model what would be downloaded and under which licence."""
        facts = ", ".join(fact for fact in (self.size, self.licence) if fact)
        return f"{self.label} ({facts})" if facts else self.label

    @property
    def install(self) -> str:
        """The command that brings what is missing; "" when nothing is."""
        if not self.missing():
            return ""
        return f"pip install {' '.join(self.missing())}" if self.built_in else "pip install -r requirements-models.txt"

    def missing(self) -> tuple[str, ...]:
        """The packages it needs and this machine lacks; imports nothing."""
        return tuple(need for need in self.needs if importlib.util.find_spec(need) is None)


class Registry(Mapping[str, Entry]):
    """An ordered table of entries for one kind of thing; the first is the default.

    A name may carry the weights to use: "depth-anything-v2-small:FOLDER" is the entry "depth-anything-v2-small".
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def split(self, name: str) -> tuple[str, str]:
        """A name and the weights it carries, "" when none."""
        bare, _, model = name.partition(":")
        return (bare, model) if bare in self._entries and self._entries[bare].model else (name, "")

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[self.split(name)[0]]
        except KeyError:
            known = ", ".join(self._entries)
            raise UnknownName(f"No {self.kind} is called “{name}”", known, "Choose one of these") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.split(name)[0] in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The target itself, imported now.

        Raises:
            UnknownName: no such entry.
            Unavailable: a package it needs is missing.
        """
        entry = self[name]
        if missing := entry.missing():
            raise Unavailable(f"The {self.kind} “{name}” needs {', '.join(missing)}", next_step=entry.install)
        module, _, attribute = entry.target.partition(":")
        return getattr(importlib.import_module(f"spacestudio.{module}"), attribute)

    def why_not(self, name: str) -> str:
        """In a line, what to do before it can run here; "" when it can, as far as can be told without trying.

        Raises:
            UnknownName: no such entry.
        """
        entry = self[name]
        if entry.missing() or not entry.ready:
            return entry.install
        module, _, attribute = entry.ready.partition(":")
        told: str = getattr(importlib.import_module(f"spacestudio.{module}"), attribute)(self.split(name)[1])
        return told

    def make(self, name: str) -> Any:
        """What the target makes, with the weights the name carries.

        Raises:
            UnknownName: no such entry.
            Unavailable: a package or the weights' name is missing.
        """
        made, (_, model) = self.load(name), self.split(name)
        return made(model) if model else made()
