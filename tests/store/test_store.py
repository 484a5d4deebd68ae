"""The event log and the blobs, on a real SQLite file and a real folder.

With `SPACE_STUDIO_TEST_POSTGRES` (postgresql+psycopg://…, an empty database of its own) the log's tests run there too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect, text

from spacestudio.domain.events import Event
from spacestudio.errors import NotFound
from spacestudio.store.blobs import Blobs, MemoryBlobs
from spacestudio.store.database import Database, Moved
from tests.support import ROOT

FIRST = [Event(1, "created", {"name": "cup"}, time="2026-01-01T00:00:00Z")]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studio.db'}"
    server = os.environ.get("SPACE_STUDIO_TEST_POSTGRES", "")
    if not server:
        pytest.skip("SPACE_STUDIO_TEST_POSTGRES names no database")
    engine = create_engine(server)
    with engine.begin() as connection:
        for table in ("events", "samples", "alembic_version"):
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()
    return server


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.engine.dispose()


def test_a_log_reads_back_as_written_and_survives_reopening(database: Database, url: str) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)
    more = [Event(2, "rename", {"name": "ḿug"}, "person", "2026-01-02T00:00:00Z", "g2")]
    database.append("default", "me", made, more, name="ḿug", review="accepted")
    again = Database(url)
    assert again.events("default", "me", made) == (*FIRST, *more)
    (listed,) = again.samples("default", "me")
    again.engine.dispose()
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


def test_an_append_continues_the_log_that_was_read(database: Database) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)
    for seq in (1, 3):  # taken, and with a gap before it
        with pytest.raises(Moved):
            database.append("default", "me", made, [Event(seq, "rename", {"name": "x"})])
    other = [Event(1, "created", {"name": "cup"}, time="2026-01-01T00:00:01Z")]
    with pytest.raises(Moved, match="try again"):
        database.append("default", "me", made, [Event(2, "rename", {"name": "x"})], follows=other[0])
    assert database.events("default", "me", made) == tuple(FIRST)
    database.append("default", "me", made, [Event(2, "rename", {"name": "x"})], follows=FIRST[0])
    assert len(database.events("default", "me", made)) == 2
    with pytest.raises(NotFound):
        database.append("default", "nobody", made, [Event(2, "rename", {"name": "x"})])


def test_a_log_is_replaced_only_by_who_read_it_last(database: Database) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)
    database.create("default", "you", "cup-1234", FIRST)
    database.append("default", "me", made, [Event(2, "rename", {"name": "a"}, group="g2")])
    read = database.events("default", "me", made)
    database.append("default", "me", made, [Event(3, "rename", {"name": "b"}, group="g3")])
    with pytest.raises(Moved):
        database.replace("default", "me", made, read, FIRST)
    read = database.events("default", "me", made)
    assert [e.payload["name"] for e in read] == ["cup", "a", "b"]
    short = (read[0], Event(2, "rename", {"name": "b"}))
    database.replace("default", "me", made, read, short)
    assert database.events("default", "me", made) == short
    with pytest.raises(Moved):  # whoever looks at the longer log
        database.append("default", "me", made, [Event(4, "rename", {"name": "c"})], follows=read[-1])
    database.append("default", "me", made, [Event(3, "rename", {"name": "c"})], follows=short[-1])
    assert len(database.events("default", "me", made)) == 3
    assert database.events("default", "you", "cup-1234") == tuple(FIRST)
    with pytest.raises(NotFound):
        database.replace("default", "nobody", made, read, short)


def test_replacing_and_appending_at_once_lose_nothing_acknowledged(database: Database) -> None:
    made = database.create("default", "me", "cup-1234", FIRST)

    def append(k: int) -> str | None:
        read = database.events("default", "me", made)
        try:
            database.append("default", "me", made, [Event(read[-1].seq + 1, "run", {"stage": str(k)})], follows=read[-1])
        except Moved:
            return None
        return str(k)

    def replace(k: int) -> None:
        read = database.events("default", "me", made)
        with suppress(Moved):
            database.replace("default", "me", made, read, [Event(e.seq, e.kind, e.payload, str(k)) for e in read])

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(append if k % 3 else replace, k) for k in range(48)]
        acknowledged = {future.result() for future in done} - {None}
    log = database.events("default", "me", made)
    assert acknowledged
    assert sorted(acknowledged) == sorted(str(e.payload["stage"]) for e in log[1:])
    assert [e.seq for e in log] == list(range(1, len(log) + 1))


WRITER = """
import itertools, sys
from spacestudio.domain.events import Event
from spacestudio.store.database import Database

database = Database(sys.argv[1])
for k in itertools.count():
    read = database.events("default", "me", "cup-1234")
    database.append("default", "me", "cup-1234", [Event(len(read) + 1, "run", {"stage": str(k)})], follows=read[-1])
    if k % 5 == 4:
        read = database.events("default", "me", "cup-1234")
        short = [read[0], Event(2, "run", {"stage": ",".join(str(e.payload["stage"]) for e in read[1:])})]
        database.replace("default", "me", "cup-1234", read, short)
    print(k, flush=True)
"""


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    Database(url).create("default", "me", "cup-1234", FIRST)
    child = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(23)]
        child.kill()
    log = Database(url).events("default", "me", "cup-1234")
    assert [e.seq for e in log] == list(range(1, len(log) + 1))
    kept = [int(k) for e in log[1:] for k in str(e.payload["stage"]).split(",")]
    assert kept[: len(acknowledged)] == acknowledged
    assert kept == list(range(len(kept)))


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
