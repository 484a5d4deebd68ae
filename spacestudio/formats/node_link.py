"""networkx node-link files, one graph a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError, GraphError, InputError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.format import Row
from spacestudio.formats.records import from_node_link, to_node_link, write_json

ACCEPTED = "networkx node-link JSON with nodes and edges (or links), a predicate on each edge"
SUFFIX = ".graph.json"


def read_graph(path: Path) -> SpatialGraph:
    """The graph of a node-link file of ours or of anyone; ids with other characters than ours get fresh ones.

    Raises:
        GraphError: what is wrong with it, in one line.
    """
    return _parsed(read_json(path, GraphError, ACCEPTED), path, GraphError)


def _parsed(data: Any, path: Path, error: type[InputError]) -> SpatialGraph:
    try:
        return from_node_link(data)
    except (ValueError, TypeError, KeyError) as problem:
        raise error(f"The graph in “{path.name}” can't be read: {reason(problem)}", ACCEPTED) from None


class NodeLink:
    """`<sample id>.graph.json` each."""

    name = "node-link"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """Node-link data of each sample's own graph, which carries the sample's id."""
        return [_named(to_node_link(s.graph), s.id) for s in samples]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """One file a sample."""
        folder.mkdir(parents=True, exist_ok=True)
        return [write_json(row, folder / f"{s.id}{SUFFIX}") for s, row in zip(samples, self.rows(samples), strict=True)]

    def read(self, path: Path) -> list[Row]:
        """The node-link data of a file, or of each `.graph.json` in a folder, as our rows.

        Raises:
            FormatError: no such file, or one that is no graph.
        """
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not files:
            raise FormatError(f"The folder “{path.name}” has no {SUFFIX} file", ACCEPTED)
        rows = []
        for file in files:
            data = read_json(file, FormatError, ACCEPTED)
            graph = _parsed(data, file, FormatError)
            about = data.get("graph")
            sample = about.get("sample") if isinstance(about, dict) else None
            rows.append(_named(to_node_link(graph), str(sample or file.name.removesuffix(SUFFIX))))
        return rows


def _named(row: Row, sample_id: str) -> Row:
    return row | {"graph": {"sample": sample_id} | row["graph"]}


FORMAT = NodeLink()
