"""What this process counts of itself, for /metrics."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing reads


class Measures:
    """A registry of its own: two services in one process do not count each other's requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "botted_http_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "botted_http_seconds",
            "Until an answer began",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge("botted_open_streams", "Clients that listen now", ("kind",), registry=self.registry)
        """`measures.streams.labels("sse").track_inprogress()` around each stream."""

    def open_streams(self) -> int:
        return int(sum(sample.value for family in self.streams.collect() for sample in family.samples))


class Measuring:
    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels = (_method(scope), route_of(scope))
                self._measures.seconds.labels(*labels).observe(time.perf_counter() - began)
                self._measures.requests.labels(*labels, str(message["status"])).inc()
            await send(message)

        return await self._app(scope, receive, counted)


def route_of(scope: Scope) -> str:
    """As it was declared, with the names of its parameters: what callers make up must not become labels."""
    return str(getattr(scope.get("route"), "path", "none"))


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "OTHER"
