"""Samples and their event logs in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, inspect, select, text, update
from sqlalchemy.orm import Session

from spacestudio.domain.events import Event
from spacestudio.errors import NotFound, SpaceStudioError
from spacestudio.store.schema import Base, EventRow, SampleRow


class Moved(SpaceStudioError):
    """Somebody else wrote first; read again and retry."""

    def __init__(
        self,
        received: str = "This sample was changed in another window",
        accepted: str = "",
        next_step: str = "Your view was refreshed; try again",
    ) -> None:
        super().__init__(received, accepted, next_step)


@dataclass(frozen=True)
class Listed:
    """What a list of samples shows."""

    id: str
    name: str
    review: str
    parent: str | None
    events: int


class Database:
    """The event logs. Every call is one transaction; owners never see each other's samples."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        _migrate(self.engine)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self.engine) as session, session.begin():
            yield session

    def _row(self, session: Session, project: str, owner: str, sample_id: str) -> SampleRow:
        row = session.scalar(select(SampleRow).filter_by(project=project, owner=owner, id=sample_id))
        if row is None:
            raise NotFound(f"There is no sample “{sample_id}” here", next_step="Open one from the list")
        return row

    def _held(self, session: Session, project: str, owner: str, sample_id: str) -> SampleRow:
        """The row, which nobody else can write before this transaction ends: an update, as SQLite has no row locks."""
        mine = (SampleRow.project == project, SampleRow.owner == owner, SampleRow.id == sample_id)
        session.execute(
            update(SampleRow).where(*mine).values(review=SampleRow.review).execution_options(synchronize_session=False)
        )
        return self._row(session, project, owner, sample_id)

    def create(self, project: str, owner: str, sample_id: str, events: Sequence[Event], parent: str | None = None) -> str:
        """A new sample with its first events; returns its id, numbered when the asked one is taken."""
        with self._session() as session:
            name = str(events[0].payload["name"])
            taken = set(
                session.scalars(
                    select(SampleRow.id).where(
                        SampleRow.project == project,
                        SampleRow.owner == owner,
                        SampleRow.id.startswith(sample_id, autoescape=True),
                    )
                )
            )
            unique, number = sample_id, 2
            while unique in taken:
                unique, number = f"{sample_id}-{number}", number + 1
            row = SampleRow(project=project, owner=owner, id=unique, name=name[:200], parent=parent)
            session.add(row)
            session.flush()
            session.add_all(_event_rows(row.row, events))
            return unique

    def append(
        self,
        project: str,
        owner: str,
        sample_id: str,
        events: Sequence[Event],
        name: str | None = None,
        review: str | None = None,
        follows: Event | None = None,
    ) -> None:
        """Append events whose `seq` continues the log; `name` and `review` update what lists show.

        Args:
            follows: the last event of the log that was read, else only its `seq` is known.

        Raises:
            Moved: the log ends elsewhere by now.
            NotFound: no such sample.
        """
        with self._session() as session:
            row = self._held(session, project, owner, sample_id)
            last = session.scalar(select(EventRow).filter_by(sample=row.row).order_by(EventRow.seq.desc()).limit(1))
            if events and events[0].seq != (last.seq if last else 0) + 1:
                raise Moved
            if follows is not None and (last is None or hash(_event(last)) != hash(follows)):
                raise Moved
            row.name = name[:200] if name is not None else row.name
            row.review = review or row.review
            session.add_all(_event_rows(row.row, events))

    def replace(self, project: str, owner: str, sample_id: str, read: Sequence[Event], events: Sequence[Event]) -> None:
        """Put another log in the place of the one that was read.

        Raises:
            Moved: it is another one by now.
            NotFound: no such sample.
        """
        with self._session() as session:
            row = self._held(session, project, owner, sample_id)
            if self._log(session, row) != tuple(read):
                raise Moved
            session.execute(delete(EventRow).where(EventRow.sample == row.row))
            session.add_all(_event_rows(row.row, events))

    def events(self, project: str, owner: str, sample_id: str) -> tuple[Event, ...]:
        """The whole log, in order."""
        with self._session() as session:
            return self._log(session, self._row(session, project, owner, sample_id))

    def _log(self, session: Session, row: SampleRow) -> tuple[Event, ...]:
        return tuple(map(_event, session.scalars(select(EventRow).filter_by(sample=row.row).order_by(EventRow.seq))))

    def samples(self, project: str, owner: str) -> list[Listed]:
        """All samples of one owner, oldest first."""
        counts = select(EventRow.sample, func.count().label("n")).group_by(EventRow.sample).subquery()
        query = (
            select(SampleRow, counts.c.n)
            .outerjoin(counts, counts.c.sample == SampleRow.row)
            .where(SampleRow.project == project, SampleRow.owner == owner)
            .order_by(SampleRow.row)
        )
        with self._session() as session:
            return [Listed(row.id, row.name, row.review, row.parent, n or 0) for row, n in session.execute(query)]

    def delete(self, project: str, owner: str, sample_id: str) -> None:
        """Remove a sample and its log."""
        with self._session() as session:
            row = self._row(session, project, owner, sample_id)
            session.execute(delete(EventRow).where(EventRow.sample == row.row))
            session.delete(row)


def _event(row: EventRow) -> Event:
    return Event(row.seq, row.kind, row.payload, row.author, row.time, row.group)


def _event_rows(sample: int, events: Sequence[Event]) -> list[EventRow]:
    return [
        EventRow(sample=sample, seq=e.seq, kind=e.kind, payload=dict(e.payload), author=e.author, time=e.time, group=e.group)
        for e in events
    ]


def _engine(url: str) -> Engine:
    """An engine; SQLite waits for other writers and keeps a write-ahead log, so no acknowledged edit is lost."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


HEAD = "0001"
"""The newest migration; a test holds it, the migrations and the tables together."""


def _migrate(engine: Engine) -> None:
    """Bring the database to the newest schema: made at once when it is empty, migrated when it is old."""
    with engine.begin() as connection:
        tables = set(inspect(connection).get_table_names())
        if not tables & {SampleRow.__tablename__, "alembic_version"}:
            Base.metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        elif connection.scalar(text("SELECT version_num FROM alembic_version")) != HEAD:
            upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Run the migrations this database has not seen."""
    from alembic import command  # wakes only for an old database
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
