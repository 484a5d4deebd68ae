"""The event log and the blobs, on a real SQLite file and a real folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from spacestudio.domain.events import Event
from spacestudio.errors import NotFound
from spacestudio.store.blobs import Blobs, MemoryBlobs
from spacestudio.store.database import Database, Moved

FIRST = [Event(1, "created", {"name": "cup"}, time="2026-01-01T00:00:00Z")]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'studio.db'}")


def test_a_log_reads_back_as_written_and_survives_reopening(database: Database, tmp_path: Path) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)
    more = [Event(2, "rename", {"name": "ḿug"}, "person", "2026-01-02T00:00:00Z", "g2")]
    database.append("default", "me", made, more, name="ḿug", review="accepted")
    again = Database(f"sqlite:///{tmp_path / 'studio.db'}")
    assert again.events("default", "me", made) == (*FIRST, *more)
    (listed,) = again.samples("default", "me")
    assert (listed.id, listed.name, listed.review, listed.events) == (made, "ḿug", "accepted", 2)


def test_ids_stay_unique_and_owners_apart(database: Database) -> None:
    ids = [database.create("default", owner, "cup-1234", FIRST) for owner in ("me", "me", "you")]
    assert ids == ["cup-1234", "cup-1234-2", "cup-1234"]
    assert [s.id for s in database.samples("default", "me")] == ids[:2]
    with pytest.raises(NotFound):
        database.events("default", "nobody", "cup-1234")


def test_one_place_in_a_log_is_taken_once(database: Database) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)

    def append(k: int) -> bool:
        try:
            database.append("default", "me", made, [Event(2, "rename", {"name": str(k)})])
        except Moved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(append, range(8))) == 1
    assert len(database.events("default", "me", made)) == 2


def test_deleting_takes_the_log_along(database: Database) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)
    database.delete("default", "me", made)
    assert database.samples("default", "me") == []
    assert database.create("default", "me", "cup-1234", FIRST) == "cup-1234"
    assert len(database.events("default", "me", "cup-1234")) == 1


@pytest.mark.parametrize("memory", [False, True])
def test_blobs_are_their_content(memory: bool, tmp_path: Path) -> None:
    blobs = MemoryBlobs() if memory else Blobs(str(tmp_path / "blobs"))
    digest = blobs.put(b"picture")
    assert blobs.put(b"picture") == digest
    assert blobs.get(digest) == b"picture"
    array = np.array([[1.5, np.nan]], np.float32)
    assert np.array_equal(blobs.get_array(blobs.put_array(array)), array, equal_nan=True)
    with pytest.raises(NotFound):
        blobs.get("0" * 64)


def test_the_migrations_make_the_tables_a_new_database_gets(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, inspect, text

    from spacestudio.store.database import HEAD, upgrade

    Database(f"sqlite:///{tmp_path / 'new.db'}")
    old = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with old.begin() as connection:
        upgrade(connection)
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD
    shapes = []
    for engine in (old, create_engine(f"sqlite:///{tmp_path / 'new.db'}")):
        look = inspect(engine)
        shapes.append(
            {
                t: (
                    [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(t)],
                    sorted(tuple(i["column_names"]) for i in look.get_indexes(t)),
                    sorted(tuple(u["column_names"]) for u in look.get_unique_constraints(t)),
                )
                for t in look.get_table_names()
            }
        )
    assert shapes[0] == shapes[1]
