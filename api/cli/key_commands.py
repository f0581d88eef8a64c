"""`botted keys`: who may call the API, and do what."""

import click

ROLES = ("admin", "operator", "approver", "viewer", "worker")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys: for programs, for colleagues, for workers from outside."""


@keys.command("create")
@click.argument("name")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, required=True, help="Repeatable.")
@click.option("--tenant", help="Whose objectives the key sees.  [default: your own]")
@click.option("--expires", metavar="WHEN", help="After 90d, 12h or 30m; or at a date, as in 2027-06-30.")
@click.option("--rate", metavar="N", type=click.IntRange(1, 1_000_000), help="Requests per minute.")
def create(name: str, roles: tuple[str, ...], tenant: str | None, expires: str | None, rate: int | None) -> None:
    """Make a key called NAME, which signs what is done by it. The key is printed once: keep it now.

    \b
    viewer     sees everything of its tenant
    approver   also decides what waits for a person
    worker     sees, and hands in the results of tasks
    operator   does all of that, asks for objectives and steers them
    admin      also makes and revokes keys, and reads the audit
    """
    from api.cli import key_pages

    key_pages.create(name, roles, tenant=tenant, expires=expires, rate=rate)


@keys.command("list")
@click.option("--tenant", help="Of another tenant than yours.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_keys(tenant: str | None, as_json: bool) -> None:
    """List the keys; their secrets are nowhere."""
    from api.cli import key_pages

    key_pages.list_keys(tenant=tenant, as_json=as_json)


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@click.option("--tenant", help="Of another tenant than yours.")
def revoke(key_id: str, tenant: str | None) -> None:
    """Revoke the key with this ID. Services stop accepting it within five seconds."""
    from api.cli import key_pages

    key_pages.revoke(key_id, tenant=tenant)
