"""Prompts for text-to-image models, to a file. SR2D is written without waking rules or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacestudio.captions.sr2d import OBJECTS, RELATIONS, by_letter, by_sound, pair_prompts, phrase
from spacestudio.domain.prompts import Prompt
from spacestudio.errors import InputError
from spacestudio.formats.prompts import read_names, write_prompts

MOST_OBJECTS = 1000
"""Objects paired at most: with 14 relations they make 15 million prompts."""
PUBLISHED_NAME = "text_spatial_rel_phrases"
"""What the published generator calls SR2D's file, without its ending."""


def sr2d() -> tuple[Prompt, ...]:
    """SR2D's 31,680 prompts: COCO's 80 objects in VISOR's 4 relations (SEEDS 3.3)."""
    return tuple(pair_prompts(OBJECTS, RELATIONS, by_letter))


def relation_prompts(rules: str = "sstd", objects: Sequence[str] = ()) -> tuple[Prompt, ...]:
    """Prompts for every relation of a rule set, in the rule set's order.

    Args:
        rules: name of a rule set.
        objects: what to ask for, each once; COCO's 80 when empty.

    Raises:
        InputError: too few or too many objects.
        UnknownName: no such rule set.
    """
    from spacestudio.relations.rules import RULE_SETS

    if objects and not 2 <= len(objects) <= MOST_OBJECTS:
        raise InputError(f"{len(objects)} objects to make pairs of", f"2 to {MOST_OBJECTS}")
    relations = [phrase(predicate) for predicate in RULE_SETS.load(rules).predicates]
    return tuple(pair_prompts(objects or OBJECTS, relations, by_sound if objects else by_letter))


def write_sr2d(out: Path) -> int:
    """SR2D as published, byte for byte; how many prompts."""
    return write_prompts(sr2d(), out)


def write_relations(out: Path, rules: str = "sstd", objects: Path | None = None) -> int:
    """The prompts of `relation_prompts`, of the objects a file names; how many."""
    return write_prompts(relation_prompts(rules, read_names(objects) if objects else ()), out)
