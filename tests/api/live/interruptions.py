"""What goes wrong between a service and its Postgres."""

import socket
import threading
from contextlib import suppress
from typing import Self

from sqlalchemy import URL, Engine, text


def cut_listeners(engine: Engine) -> int:
    """Ends the connections by which services listen; how many there were."""
    with engine.begin() as connection:
        ended = connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'botted-live'")
        )
        return len(ended.all())


class Detour:
    """A way to Postgres that can be closed, as if it had gone away, and opened again."""

    def __init__(self, url: URL) -> None:
        assert url.host is not None
        assert url.port is not None
        self._there = (url.host, url.port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._here = self._door.getsockname()
        self._open = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self.url = url.set(host=self._here[0], port=self._here[1]).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(5)

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """Cuts what is connected; whoever comes now is cut too."""
        self._open = False
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(self._there)
                self._pairs.append((client, server))
                self._start(_pump, client, server)
                self._start(_pump, server, client)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    source.close()
