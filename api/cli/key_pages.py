"""What `botted keys` does."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.store.audit import AuditEntry, AuditStore
from activities.store.keys import KeyStore
from api.auth.local import ORIGIN, TENANT, NoKey, owner
from api.auth.principal import Principal, Right, Role
from api.cli import settings
from api.cli.acting import acting, require
from api.cli.errors import BadInput, Stopped
from api.cli.person import person
from api.cli.session import Session, open_session
from api.errors import Problem, Unauthenticated
from api.services.keys import Key, KeyOffice, KeyRequest
from config.settings import Settings

PAGE = 200
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_LONGEST = timedelta(days=36_500)


def create(name: str, roles: tuple[str, ...], *, tenant: str | None, expires: str | None, rate: int | None) -> None:
    request = _request(name, roles, expires, rate)
    with _office(tenant) as (office, session, caller, whose):
        made = office.create(request, whose, caller.name)
        _note(session, caller, whose, "keys.create", made.key.id)
    until = f"until {made.key.expires_at:%Y-%m-%d %H:%M} UTC" if made.key.expires_at else "until it is revoked"
    click.secho(f"the key {made.key.id} of {name!r} works {until}; it is shown only now:", dim=True, err=True)
    click.echo(made.secret)


def list_keys(*, tenant: str | None, as_json: bool) -> None:
    with _office(tenant) as (office, _, caller, whose):
        keys = tuple(_all(office, caller.model_copy(update={"tenant": whose})))
    if as_json:
        click.echo(json.dumps([key.model_dump(mode="json") for key in keys], ensure_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("id", "name", "roles", "made", "expires", "last used", "state"):
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    for key in keys:
        cells = (key.id, key.name, ", ".join(key.roles), _day(key.created_at), _day(key.expires_at))
        table.add_row(*map(escape, (*cells, _day(key.last_used_at), _state(key))))
    Console(highlight=False).print(table)


def revoke(key_id: str, *, tenant: str | None) -> None:
    with _office(tenant) as (office, session, caller, whose):
        office.revoke(key_id, whose)
        _note(session, caller, whose, "keys.revoke", key_id)
    click.echo(f"revoked {key_id}; services stop accepting it within five seconds")


@contextmanager
def _office(tenant: str | None) -> Iterator[tuple[KeyOffice, Session, Principal, str]]:
    """With whoever asks, once it is known that they may, and whose keys it is about."""
    configured = settings.load()
    with open_session(configured, lambda text: click.secho(text, dim=True, err=True)) as session:
        caller = _caller(session, configured)
        whose = tenant or caller.tenant
        if configured.api.key is not None and whose != caller.tenant:
            raise Stopped(
                [f"the key in BOTTED_API__KEY is of the tenant {caller.tenant!r}; it has no say in {whose!r}"]
            )
        try:
            yield KeyOffice(KeyStore(session.engine)), session, caller, whose
        except Problem as problem:
            raise BadInput(problem.detail, *(f"{field}: {text}" for field, text in problem.errors)) from problem


def _caller(session: Session, configured: Settings) -> Principal:
    """The first key of all has to be made without one: whoever has the database's address may."""
    try:
        owner(session.engine, configured)
    except NoKey:
        if configured.api.key is None and configured.database.url is not None:
            return Principal(name=person(), tenant=TENANT, roles=(Role.ADMIN,), origin=ORIGIN)
    except Unauthenticated:
        pass  # `acting` says so
    principal = acting(session)
    require(principal, Right.ADMINISTER)
    return principal


def _request(name: str, roles: tuple[str, ...], expires: str | None, rate: int | None) -> KeyRequest:
    try:
        return KeyRequest.model_validate(
            {"name": name, "roles": roles, "expires_at": _moment(expires), "requests_per_minute": rate}
        )
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise BadInput(*faults) from error


def _moment(text: str | None) -> datetime | None:
    """A time from now, as in 90d, or a date (its beginning, UTC). Raises BadInput."""
    if text is None:
        return None
    if found := re.fullmatch(r"(\d{1,6})([dhm])", text, re.ASCII):
        span = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if timedelta(0) < span <= _LONGEST:
            return datetime.now(UTC) + span
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--expires {text!r}: say 90d, 12h or 30m, or a date such as 2027-06-30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _all(office: KeyOffice, caller: Principal) -> Iterator[Key]:
    cursor: str | None = ""
    while cursor is not None:
        page = office.page(caller, cursor=cursor, limit=PAGE)
        yield from page.items
        cursor = page.next


def _note(session: Session, caller: Principal, tenant: str, action: str, key_id: str) -> None:
    AuditStore(session.engine).write(
        AuditEntry(tenant=tenant, actor=caller.name, origin=caller.origin, action=action, object=f"/v1/keys/{key_id}")
    )


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= datetime.now(UTC) else "works"


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else moment.astimezone().strftime("%Y-%m-%d")
