"""The service as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from activities.store.audit import AuditStore
from activities.store.figures import FigureStore
from activities.store.keys import KeyStore
from activities.store.rates import RateStore
from api import problems
from api.auditing import Auditing, operation_of
from api.auth.authenticator import Authenticator
from api.auth.failures import Failures
from api.auth.jwks import KeySet
from api.auth.limiter import RateLimiter
from api.auth.tokens import TokenReader
from api.bounds import DOCS, BodyBound, Net, SecurityHeaders, TimeBound
from api.house import POOL, House
from api.measures import Measures, Measuring
from api.routes.listed import ROUTERS
from api.services.figures import MetricsPage
from api.services.health import Doctor
from config.settings import ApiSettings, AuthSettings

DESCRIPTION = """Durable, verified, supervised work by AI workers.

Send an API key or a token of your identity provider: `Authorization: Bearer …`. Whatever goes wrong is told as a
problem document (RFC 9457). Lists come in pages: `next` of one is the `cursor` of the following one.
"""


def create_app(house: House) -> FastAPI:
    """Routers may have lifespans of their own; they are entered after the house is there, as `app.state.house`."""
    measures = Measures()
    app = FastAPI(
        title="botted",
        version=version("botted"),
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=DOCS,
        redoc_url=None,
        separate_input_output_schemas=False,  # one name for a thing, also for clients that are generated
        redirect_slashes=False,
        responses=problems.RESPONSES,
        generate_unique_id_function=operation_of,
        lifespan=_lifespan,
        middleware=_middleware(house, measures),
    )
    app.state.house = house
    app.state.measures = measures
    app.state.closing = asyncio.Event()
    app.state.authenticator = _authenticator(house)
    app.state.doctor = Doctor(house.engine, house.temporal, measures.open_streams)
    app.state.metrics = MetricsPage(measures, FigureStore(house.engine), house.sdk_metrics)
    app.state.limiter = RateLimiter(RateStore(house.engine), house.settings.api.requests_per_minute)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = problems.described(_with_security(app.openapi))  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    threads = ThreadPoolExecutor(POOL, thread_name_prefix="api")  # by itself it has six on a small machine
    asyncio.get_running_loop().set_default_executor(threads)
    yield
    app.state.closing.set()


def _authenticator(house: House) -> Authenticator:
    auth = house.settings.auth
    failures = Failures(house.settings.api.failures_per_minute)
    return Authenticator(KeyStore(house.engine), _token_reader(auth), failures)


def _token_reader(auth: AuthSettings) -> TokenReader | None:
    if auth.jwks_url is not None:
        return TokenReader(auth, KeySet(auth.jwks_url))
    return TokenReader(auth, None) if auth.jwt_secret is not None else None


def _middleware(house: House, measures: Measures) -> list[Middleware]:
    """From the outside in."""
    settings = house.settings.api
    return [
        Middleware(SecurityHeaders, settings),
        *([_cors(settings)] if settings.cors_origins else []),
        Middleware(Measuring, measures),
        Middleware(Net),
        Middleware(TimeBound, settings),
        Middleware(BodyBound, settings),
        Middleware(Auditing, AuditStore(house.engine)),
    ]


def _cors(settings: ApiSettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "X-API-Key"),
        expose_headers=("ETag", "Location", "Retry-After", "WWW-Authenticate"),
        max_age=600,
    )


def _with_security(openapi: Any) -> Any:
    """Everything needs a key or a token, but for what says so itself."""

    def with_security() -> dict[str, Any]:
        document: dict[str, Any] = openapi()
        schemes = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, or a JSON Web Token"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document.setdefault("components", {})["securitySchemes"] = schemes
        document["security"] = [{name: []} for name in schemes]
        for name, schema in document["components"].get("schemas", {}).items():
            schema["title"] = name.replace("-", "")  # by which generators of clients name classes: each one its own
        return document

    return with_security
