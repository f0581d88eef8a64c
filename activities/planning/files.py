"""What a planner is told about each file: enough to choose columns and write queries, from a look at its beginning."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.tools.data.claim import Kind
from activities.tools.data.delimited import BadTable
from activities.tools.data.headers import cleaned, names_for
from activities.tools.data.loading import kinds_of
from activities.tools.data.relations import DELIMITED, JSON, SUPPORTED, Relation, relation_of
from activities.tools.data.tables import Database, opened
from activities.tools.tool import ToolCancelled

LONGEST = 2000  # characters
_FIRST = 600  # characters of a text
_LOOKED_AT = 1 << 16  # bytes that show whether a file is text
_LONGEST_FIRST_LINE = 1 << 20
_COUNTED = 1 << 25  # bytes of a text whose lines are counted; those of the rest are guessed
_SAMPLE = 5000  # rows
_FEW = 6  # different values that are all named
_LONGEST_VALUE = 24
_LONGEST_REASON = 300
# Larger ones are read whole before the first row is known, which takes too long for a prompt.
_MOST_BYTES = {".xlsx": 20_000_000, **dict.fromkeys(JSON, 100_000_000)}


def summarise(path: Path, name: str, media_type: str) -> str:
    """At most `LONGEST` characters, whatever the file holds; never raises for what is in it."""
    try:
        size = path.stat().st_size
        if size == 0:
            return f"{name}: empty file ({media_type})"[:LONGEST]
        start = _start(path)
        known = path.suffix.lower() in SUPPORTED
        return (_table(path, name, start) if known else _other(path, name, media_type, start))[:LONGEST]
    except OSError as error:
        return f"{name}: cannot be read ({error.strerror or type(error).__name__})"[:LONGEST]


def _table(path: Path, name: str, start: str | None) -> str:
    """As a table; as text or by its size, with the reason, when it is none."""
    try:
        _require_quick(path, start)
        with opened([path]) as db:
            return _described(db, relation_of(db, path, name), name)
    except ToolCancelled:
        raise
    except Exception as error:  # whatever a broken file makes a reader raise, the planner is told and goes on
        return (
            f"{_other(path, name, 'a table by its name', start)}\nIt cannot be read as a table: {_reason(error, path)}"
        )


def _reason(error: Exception, path: Path) -> str:
    """Without the query of ours that failed, and without paths of this machine."""
    said = (str(error) or type(error).__name__).partition("\nLINE ")[0]
    return cleaned(said.replace(str(path.resolve()), path.name), _LONGEST_REASON)


def _require_quick(path: Path, start: str | None) -> None:
    suffix, size = path.suffix.lower(), path.stat().st_size
    if size > _MOST_BYTES.get(suffix, size):
        raise BadTable(f"it has {size:,} bytes and was not looked into; tools can read it")
    if suffix not in DELIMITED:
        return
    if start is None:
        raise BadTable("it is binary or not UTF-8")
    with path.open("rb") as stream:
        if size > _LONGEST_FIRST_LINE and b"\n" not in stream.read(_LONGEST_FIRST_LINE):
            raise BadTable("its first line does not end within a megabyte")


def _described(db: Database, relation: Relation, name: str) -> str:
    """Rows are counted; kinds and examples come from the first rows alone."""
    db.run(f"CREATE TABLE sample AS SELECT * FROM ({relation.select}) LIMIT {_SAMPLE}")
    rows = int(str(db.one(f"SELECT count(*) FROM ({relation.select})")[0]))
    kinds = kinds_of(db, Relation("SELECT * FROM sample", relation.headers), name)
    sampled = f" (kinds and examples by the first {_SAMPLE:,})" if rows > _SAMPLE else ""
    head = f"{name}: a table of {rows:,} rows{sampled} and {len(kinds)} columns:"
    return _fitting(head, list(_columns(db, names_for(relation.headers), kinds)))


def _columns(db: Database, names: Sequence[str], kinds: Sequence[Kind]) -> Iterator[str]:
    for position, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        yield f"{name} ({kind}){_examples(db, position)}"


def _examples(db: Database, position: int) -> str:
    cell = f"c{position}"
    filled = f"SELECT DISTINCT left({cell}, 100) AS value FROM sample WHERE trim({cell}) <> ''"
    rows = db.rows(f"{filled} ORDER BY value LIMIT {_FEW + 1}")
    values = [cleaned(str(value), _LONGEST_VALUE) for (value,) in rows]
    if not values:
        return ": no values"
    return f": {', '.join(values)}" if len(values) <= _FEW else f": such as {values[0]}, {values[_FEW // 2]}"


def _fitting(head: str, lines: Sequence[str]) -> str:
    """Whole lines, and how many columns are left out."""
    kept, used = [head], len(head)
    for number, line in enumerate(lines):
        used += len(line) + 3
        if used > LONGEST - 40:
            return "\n".join([*kept, f"and {len(lines) - number} more columns"])
        kept.append(f"- {line}")
    return "\n".join(kept)


def _other(path: Path, name: str, media_type: str, start: str | None) -> str:
    size = path.stat().st_size
    if start is None:
        return f"{name}: {size:,} bytes, {media_type}"
    shown = start[:_FIRST]
    more = " …" if len(start) > _FIRST else ""
    return f"{name}: text of {_lines(path, size)} lines, {size:,} bytes, {media_type}. It begins:\n{shown}{more}"


def _lines(path: Path, size: int) -> str:
    count, seen, ended = 0, 0, True
    with path.open("rb") as stream:
        while seen < _COUNTED and (chunk := stream.read(1 << 20)):
            count, seen = count + chunk.count(b"\n"), seen + len(chunk)
            ended = chunk.endswith(b"\n")
    if seen < size:
        return f"about {int(round(count * size / seen, -3)):,}"
    return f"{count + (not ended):,}"


def _start(path: Path) -> str | None:
    """The beginning of a text; None if it is none."""
    with path.open("rb") as stream:
        content = stream.read(_LOOKED_AT)
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cut_off = len(content) == _LOOKED_AT and error.start >= _LOOKED_AT - 3
        return content[: error.start].decode("utf-8-sig") if cut_off else None
