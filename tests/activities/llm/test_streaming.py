"""What a model says is shown while it says it: without keys, without harm to the call."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, insert, select, update

from activities.llm.streaming import MOST_SHOWN, LiveOutput, showable
from activities.store import database, live
from activities.store.live import LEFT_OVER, STALE, Speaker
from activities.store.tables import live_output

OURS = "our own secret, with blanks: 7f3a"
THEIRS = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nbm8gcmVhbCBrZXk\n-----END RSA PRIVATE KEY-----"
PARTS = (OURS[:10], THEIRS[:10], "MIIEowIBAA")
"""More of a key than anybody should see."""
_texts = st.lists(
    st.one_of(
        st.text(max_size=12), st.sampled_from([OURS, OURS[:8], THEIRS, THEIRS[:8], PEM, PEM[:20], " ", "sk-", "\n"])
    ),
    max_size=12,
).map("".join)


@given(_texts, st.integers(min_value=0))
@example(f"take {OURS} and go", 20)
@example(f"take {OURS} and go", 37)
@example(f"take {THEIRS} and go", 17)
@example(f"take\n{PEM}\nand go", 60)
def test_no_part_of_a_key_is_shown_wherever_the_text_is_cut(text: str, cut: int) -> None:
    shown = showable(text[: cut % (len(text) + 1)], [OURS], complete=False)
    whole = showable(text, [OURS], complete=True)
    assert [part for part in PARTS if part in shown and part not in whole] == []


def test_all_but_the_last_word_is_shown_at_once() -> None:
    assert showable("Once upon a ti", [OURS], complete=False) == "Once upon a "
    assert showable("Once upon a ti", [OURS], complete=True) == "Once upon a ti"


def test_what_commands_a_terminal_or_hides_is_not_shown() -> None:
    assert showable("a \x1b[31mred\x1b[0m\u202e\x00 b ", [], complete=False) == "a red b "


def test_a_run_without_an_end_is_shown_all_the_same() -> None:
    assert len(showable("A" * 10_000, [], complete=False)) >= 8_000


class Ear:
    """Hears what is told on the channel."""

    def __init__(self, engine: Engine) -> None:
        self._dsn = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.pieces: list[live.Piece] = []

    async def __aenter__(self) -> "Ear":
        self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        await self._connection.execute(f"LISTEN {live.CHANNEL}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def until_done(self, key: str) -> str:
        """What a client would have on its screen at the end."""
        shown = ""
        async for notice in self._connection.notifies(timeout=10):
            piece = live.Piece.model_validate_json(notice.payload)
            if piece.key != key:
                continue
            assert len(notice.payload.encode()) < 8_000
            self.pieces.append(piece)
            if piece.done:
                assert piece.offset == len(shown)
                return shown
            assert piece.offset in (0, len(shown))
            shown = piece.text if piece.offset == 0 else shown + piece.text
        raise AssertionError("nobody told the end")


@pytest.fixture
async def output(engine: Engine) -> AsyncIterator[LiveOutput]:
    output = LiveOutput(engine, [OURS])
    yield output
    await output.close()


def speaker() -> Speaker:
    objective_id = f"live-{uuid4().hex[:10]}"
    return Speaker(
        key=f"{objective_id}/a/1/turn-1", objective_id=objective_id, task_id="a", attempt=1, step_id="turn-1"
    )


def shown_in_table(engine: Engine, key: str) -> str | None:
    with engine.connect() as connection:
        return connection.execute(select(live_output.c.text).where(live_output.c.key == key)).scalar()


async def test_pieces_are_told_in_order_and_gone_at_the_end(engine: Engine, output: LiveOutput) -> None:
    who = speaker()
    async with Ear(engine) as ear:
        with output.of(who) as hear:
            for n in range(60):
                hear(f"word {n} ünd 🙂 ")
                await asyncio.sleep(0.01)
            assert (shown_in_table(engine, who.key) or "").startswith("word 0 ünd 🙂 word 1 ")
        shown = await ear.until_done(who.key)
    assert shown == "".join(f"word {n} ünd 🙂 " for n in range(60))
    assert 3 <= len(ear.pieces) <= 12, "several times a second, not once a token"
    assert (ear.pieces[0].objective, ear.pieces[0].task, ear.pieces[0].attempt, ear.pieces[0].step) == (
        who.objective_id,
        "a",
        1,
        "turn-1",
    )
    assert shown_in_table(engine, who.key) is None


async def test_a_large_piece_is_told_in_several_notices(engine: Engine, output: LiveOutput) -> None:
    who = speaker()
    text = '🙂"\\ü\n ' * 3_000
    async with Ear(engine) as ear:
        with output.of(who) as hear:
            hear(text)
        assert await ear.until_done(who.key) == text


async def test_what_is_longer_than_is_shown_ends_all_the_same(engine: Engine, output: LiveOutput) -> None:
    who = speaker()
    async with Ear(engine) as ear:
        with output.of(who) as hear:
            for _ in range(20):
                hear("a word and another " * 500)
        shown = await ear.until_done(who.key)
    assert MOST_SHOWN - 100 < len(shown) <= MOST_SHOWN


async def test_another_try_of_the_call_begins_anew_and_the_one_before_falls_silent(
    engine: Engine, output: LiveOutput
) -> None:
    who = speaker()
    elsewhere = LiveOutput(engine)
    async with Ear(engine) as ear:
        with output.of(who) as lost, elsewhere.of(who) as again:
            lost("the first try says ")
            await asyncio.sleep(0.3)
            again("the second ")
            await asyncio.sleep(0.3)
            lost("something more ")
            await asyncio.sleep(0.3)
            again("goes on ")
            await asyncio.sleep(0.3)
            assert shown_in_table(engine, who.key) == "the second goes on "
        assert await ear.until_done(who.key) == "the second goes on "
    await elsewhere.close()


async def test_a_database_that_is_away_harms_no_call(engine: Engine) -> None:
    away = database.connect("postgresql://nobody:nothing@127.0.0.1:1/none")
    output = LiveOutput(away)
    with output.of(speaker()) as hear:
        for _ in range(50):
            hear("said to nobody ")
            await asyncio.sleep(0.01)
    await output.close()
    away.dispose()


async def test_what_dead_hosts_left_is_not_shown_for_long_and_swept_in_the_end(
    engine: Engine, output: LiveOutput
) -> None:
    stale, old = speaker(), speaker()
    with engine.begin() as connection:
        for who, age in ((stale, STALE), (old, LEFT_OVER)):
            connection.execute(insert(live_output).values(**who.model_dump(), text="the last words"))
            long_ago = func.clock_timestamp() - age - timedelta(seconds=1)
            connection.execute(update(live_output).where(live_output.c.key == who.key).values(updated_at=long_ago))
        assert live.spoken(connection, frozenset({stale.objective_id, old.objective_id})) == ()
    with output.of(speaker()) as hear:
        hear("something ")
        await asyncio.sleep(0.4)
    assert shown_in_table(engine, stale.key) == "the last words"
    assert shown_in_table(engine, old.key) is None
