"""The journal of a tenant, over all its objectives, in an order in which nothing can appear behind a reader's back."""

from typing import NamedTuple, Self

from sqlalchemy import Connection, Row, text

from activities.store.journal import JournalRow


class Cursor(NamedTuple):
    """How far a reader is among a tenant's entries. Clients keep it as text and hand it back."""

    xact: int
    """The transaction that wrote the entry, or a later one that wrote an earlier entry of the same objective."""
    id: int

    def __str__(self) -> str:
        return f"{self.xact}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        xact, dot, number = text.partition(".")
        if not (dot and xact.isascii() and xact.isdigit() and number.isascii() and number.isdigit()):
            raise ValueError("a cursor looks like 4711.12")
        cursor = cls(int(xact), int(number))
        if cursor.xact >= 1 << 63 or cursor.id >= 1 << 63:
            raise ValueError("there is no such cursor")
        return cursor


class PlacedRow(NamedTuple):
    cursor: Cursor
    objective_id: str
    row: JournalRow


class Horizon(NamedTuple):
    """Every entry whose transaction is below `safe` is there; nobody can add one any more."""

    safe: int
    unborn: int
    """No transaction of this database has had this number yet, nor a higher one."""
    newest: int
    """The tenant's newest entry is of this transaction."""

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.safe, 0)

    @property
    def lagging(self) -> bool:
        """An entry is written, but an older transaction is open that may still write one before it."""
        return self.newest >= self.safe

    @property
    def foreign(self) -> bool:
        """Entries from a database with other transactions: restored from a dump."""
        return self.newest >= self.unborn


_HORIZON = text(
    """
    SELECT pg_snapshot_xmin(now)::text AS safe, pg_snapshot_xmax(now)::text AS unborn,
           coalesce((SELECT xact FROM journal WHERE tenant = :tenant ORDER BY xact DESC, id DESC LIMIT 1)::text, '0')
               AS newest
    FROM pg_current_snapshot() AS now
    """
)
_PAGE = text(
    f"""
    SELECT xact::text AS xact, id, objective_id, {", ".join(JournalRow.model_fields)}
    FROM journal
    WHERE tenant = :tenant
      AND (xact, id) > (CAST(:xact AS xid8), :id) AND xact < CAST(:safe AS xid8)
      AND (CAST(:only AS text[]) IS NULL OR objective_id = ANY(:only))
    ORDER BY journal.xact, id LIMIT :limit
    """
)
_NEWEST = text(
    f"""
    SELECT xact::text AS xact, id, objective_id, {", ".join(JournalRow.model_fields)}
    FROM journal WHERE tenant = :tenant AND xact < CAST(:safe AS xid8)
    ORDER BY journal.xact DESC, id DESC LIMIT :limit
    """
)
_ADOPT = text(
    """
    UPDATE journal SET xact = '3' WHERE tenant = :tenant AND xact >= pg_snapshot_xmax(pg_current_snapshot())
    """
)


def horizon(connection: Connection, tenant: str) -> Horizon:
    row = connection.execute(_HORIZON, {"tenant": tenant}).one()
    return Horizon(int(row.safe), int(row.unborn), int(row.newest))


def page(
    connection: Connection,
    tenant: str,
    after: Cursor,
    until: Horizon,
    *,
    limit: int,
    only: frozenset[str] | None = None,
) -> tuple[PlacedRow, ...]:
    """The tenant's entries between a cursor and a horizon, those of the objectives in `only` if it is given.

    Entries of one objective come in order of `seq`; over all objectives, in the order of the transactions' numbers.
    """
    rows = connection.execute(
        _PAGE,
        {
            "tenant": tenant,
            "xact": str(after.xact),
            "id": after.id,
            "safe": str(until.safe),
            "only": None if only is None else list(only),
            "limit": limit,
        },
    )
    return tuple(map(_placed, rows))


def newest(connection: Connection, tenant: str, until: Horizon, *, limit: int) -> tuple[PlacedRow, ...]:
    """The last entries below a horizon, oldest first."""
    rows = connection.execute(_NEWEST, {"tenant": tenant, "safe": str(until.safe), "limit": limit})
    return tuple(map(_placed, rows))[::-1]


def adopt(connection: Connection, tenant: str) -> int:
    """Gives entries that a dump brought from another database the oldest transaction's number, and counts them.

    With a number that no transaction has had here yet they would stay out of sight until one has.
    """
    return connection.execute(_ADOPT, {"tenant": tenant}).rowcount


def _placed(row: Row[tuple[object, ...]]) -> PlacedRow:
    fields = {name: getattr(row, name) for name in JournalRow.model_fields}
    return PlacedRow(Cursor(int(row.xact), row.id), row.objective_id, JournalRow.model_validate(fields))
