"""Journal entries as clients get them: server-sent events, and frames of the WebSocket."""

from activities.store.journal import JournalRow
from activities.store.journal_pages import Cursor, PlacedRow
from api.live.ring import Event


def sent_event(name: str, data: str, id_: str = "") -> str:
    """A server-sent event. `data` is JSON, so it has no line ends."""
    return f"id: {id_}\nevent: {name}\ndata: {data}\n\n" if id_ else f"event: {name}\ndata: {data}\n\n"


def as_sent_event(objective_id: str, row: JournalRow) -> Event[int]:
    return Event(row.seq, objective_id, row.kind, sent_event(row.kind, row.model_dump_json(), str(row.seq)))


def as_frame(placed: PlacedRow) -> Event[Cursor]:
    entry = placed.row.model_dump_json()
    frame = f'{{"type":"event","cursor":"{placed.cursor}","objective":"{placed.objective_id}","entry":{entry}}}'
    return Event(placed.cursor, placed.objective_id, placed.row.kind, frame)
