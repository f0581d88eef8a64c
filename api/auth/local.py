"""By which key the commands of this machine act: the owner's, which the data folder keeps, or one that is set."""

from pathlib import Path

from sqlalchemy import Engine

from activities.store.keys import KeyStore, NewKey
from api.auth.authenticator import key_of, principal_of
from api.auth.keyfile import key_file, read, read_or_make
from api.auth.keys import ApiKey
from api.auth.principal import Principal, Role
from api.cli.person import person
from api.errors import Unauthenticated
from config.settings import Environment, Settings

TENANT = "default"
CREATED_BY = "the data folder"
ORIGIN = "cli"


class NoKey(Exception):
    """There is no key by which a command could act; says what to do."""


def owner(engine: Engine, settings: Settings) -> Principal:
    """Whoever runs a command here, by a key like anybody else's. Raises NoKey."""
    if settings.api.key is not None:
        return _by_the_key_that_is_set(engine, settings.api.key.get_secret_value())
    if settings.environment is Environment.PRODUCTION and not key_file(settings.folder).exists():
        raise NoKey(
            "in production commands act by a key of their own: set BOTTED_API__KEY; whoever has the database's address "
            "makes one with `botted keys create NAME --role …`"
        )
    path = key_file(settings.folder)
    try:
        ensure_key(engine, settings.folder)
        principal = _of_key(engine, read(settings.folder))
    except OSError as error:
        raise NoKey(f"the key in {path} cannot be read or made: {error.strerror or error}") from error
    except Unauthenticated as error:
        raise NoKey(f"the key in {path} does not work: {error}. Delete that file, and a new one is made") from error
    return principal.model_copy(update={"name": person(), "origin": ORIGIN})


def ensure_key(engine: Engine, folder: Path) -> None:
    """One admin's key, in the folder and in the database: made on first use, entered again in a new database."""
    key = ApiKey.parse(read_or_make(folder, lambda: ApiKey.mint().text))
    if key is None:  # somebody wrote something else there: `owner` says so
        return
    KeyStore(engine).enter(
        NewKey(
            id=key.id,
            tenant=TENANT,
            name=person(),
            digest=key.digest,
            roles=(str(Role.ADMIN),),
            created_by=CREATED_BY,
        )
    )


def _by_the_key_that_is_set(engine: Engine, text: str) -> Principal:
    try:
        return _of_key(engine, text).model_copy(update={"origin": ORIGIN})
    except Unauthenticated as error:
        raise NoKey(f"BOTTED_API__KEY does not work: {error}") from error


def _of_key(engine: Engine, text: str) -> Principal:
    key, keys = key_of(text), KeyStore(engine)
    principal = principal_of(keys.get(key.id), key)
    keys.touch(key.id)
    return principal
