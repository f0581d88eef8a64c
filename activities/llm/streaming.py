"""Shows what a model says while it says it. Losing the view loses nothing: the answer itself is stored apart."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf
from time import monotonic

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from activities.llm.model import OnText
from activities.llm.sanitising import clean, mask
from activities.store import live
from activities.store.live import Speaker

log = structlog.get_logger("models")
FLUSH_SECONDS = 0.15
MOST_SHOWN = 60_000
"""Characters; an answer that is longer goes on unseen."""
SWEEP_SECONDS = 1800.0
LAST_WORDS_SECONDS = 10.0
"""For the end of what a call said to be written, when Postgres does not answer at once."""
CLOSING_SECONDS = 2.0
_LONGEST_RUN = 2_000
_RUN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
"""What keys are made of."""
_AWAY = (OperationalError, InterfaceError, TimeoutError)


class LiveOutput:
    """Collects what the model calls of a host say, and writes it down several times a second, in a thread of its own.

    No model call waits for it, and none fails because of it.
    """

    def __init__(self, engine: Engine, secrets: Sequence[str] = ()) -> None:
        self._engine = engine
        self._secrets = tuple(secrets)
        self._speeches: list[_Speech] = []
        self._pool: ThreadPoolExecutor | None = None
        self._writing: asyncio.Task[None] | None = None
        self._sweep_at = 0.0
        self._works = True

    @contextmanager
    def of(self, speaker: Speaker) -> Iterator[OnText]:
        """For one request to a provider: what it is given is shown until the end of the block."""
        speech = _Speech(speaker)
        self._speeches.append(speech)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        try:
            yield speech.hear
        finally:
            speech.end()

    async def close(self) -> None:
        """Waits a moment for last words to be written."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=CLOSING_SECONDS)
            self._writing.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    async def _write_all(self) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="live-output")
        while self._speeches:
            await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.get_running_loop().run_in_executor(self._pool, self._write, tuple(self._speeches))
            self._speeches = [speech for speech in self._speeches if not speech.is_settled]

    def _write(self, speeches: tuple["_Speech", ...]) -> None:
        try:
            self._sweep()
            for speech in speeches:
                speech.write(self._engine, self._secrets)
            self._works = True
        except _AWAY as error:
            if self._works:
                log.warning("what models say is not shown for now", error=type(error).__name__)
            self._works = False

    def _sweep(self) -> None:
        if monotonic() < self._sweep_at:
            return
        with self._engine.begin() as connection:
            live.sweep(connection)
        self._sweep_at = monotonic() + SWEEP_SECONDS


class _Speech:
    """One request's answer as it comes in: `hear` and `end` in the event loop, `write` in the thread."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._heard: list[str] = []
        self._length = 0
        self._shown = ""
        self._finished = False
        """Nothing more is to be written."""
        self._over_at = inf
        """When the answer was there, or was given up."""

    @property
    def is_settled(self) -> bool:
        now = monotonic()
        return (self._finished and now >= self._over_at) or now > self._over_at + LAST_WORDS_SECONDS

    def end(self) -> None:
        self._over_at = monotonic()

    def hear(self, text: str) -> None:
        if room := MOST_SHOWN - self._length:
            self._heard.append(text[:room])
            self._length += len(text[:room])

    def write(self, engine: Engine, secrets: Sequence[str]) -> None:
        """Raises errors of a database that is away; after any other, this answer is not shown."""
        over = self._over_at < inf  # looked at before the text: what is heard later is not its end
        if self._finished:
            return
        try:
            self._show("".join(self._heard), engine, secrets, over=over)
        except _AWAY:
            raise
        except Exception as error:
            log.warning("what a model says is not shown", key=self._speaker.key, error=type(error).__name__)
            self._finished = True
        self._finished = self._finished or over

    def _show(self, heard: str, engine: Engine, secrets: Sequence[str], *, over: bool) -> None:
        text = showable(heard, secrets, complete=over and self._length < MOST_SHOWN)
        if text == self._shown and not over:
            return
        # Rarely what is shown turns out to be part of something else, such as the beginning of a key: begun anew.
        offset = len(self._shown) if text.startswith(self._shown) else 0
        with engine.begin() as connection:
            if text != self._shown and not live.say(connection, self._speaker, offset, text[offset:]):
                self._finished = True  # another try of the call has begun anew
            elif over:
                live.end(connection, self._speaker, len(text))
        self._shown = text


def showable(text: str, secrets: Sequence[str], *, complete: bool) -> str:
    """The text cleaned and without keys. Of one that goes on, without an end that may be the beginning of a key."""
    masked = mask(text, secrets)
    settled = masked if complete else masked[: _settled(masked, secrets)]
    return mask(clean(settled, 2 * MOST_SHOWN), secrets)


def _settled(text: str, secrets: Sequence[str]) -> int:
    """How much of it stays as it is, whatever comes next."""
    end = len(text) - len(_last_run(text))
    begun = (_begun(text, secret) for secret in secrets)  # our own keys may hold any character
    return min(end, len(text) - max(begun, default=0))


def _last_run(text: str) -> str:
    last = text[-_LONGEST_RUN:]
    return last[len(last.rstrip(_RUN)) :]


def _begun(text: str, secret: str) -> int:
    """How many of the last characters are the first ones of the secret."""
    return next((n for n in range(len(secret) - 1, 0, -1) if text.endswith(secret[:n])), 0)
