"""`botted notify list` and `botted notify test`."""

import asyncio
import json
import os
from datetime import UTC, datetime
from uuid import uuid4

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.notify.channel import ChannelFault, Channels
from activities.notify.letter import trial
from api.cli import settings
from api.cli.errors import BadInput, Stopped
from config.settings import Environment, Settings
from worker.channels import channels_of

_NONE = """\
there is no channel yet; in botted.toml, for instance:

  [notify.channels.team]
  kind = "webhook"                  # or "slack", "email"
  url = "https://example.com/hook"
  secret_env = "TEAM_SECRET"        # the variable that holds whsec_…"""


def list_channels(*, as_json: bool) -> None:
    configured = settings.load()
    rows = _rows(configured, _channels(configured))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo(_NONE)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("channel", "kind", "leads to", "state"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    Console(highlight=False).print(table)
    click.echo("\nbotted notify test CHANNEL    sends a test notice")


def test_channel(name: str) -> None:
    configured = settings.load()
    channels = _channels(configured)
    try:
        channel = channels.named(name)
    except ChannelFault as error:
        raise BadInput(str(error), "`botted notify list` shows them") from error
    letter = trial(uuid4().hex, datetime.now(UTC), configured.notify.base_url)
    try:
        said = asyncio.run(channel.send(letter))
    except ChannelFault as error:
        raise Stopped([f"{name} could not be told: {error}", f"it leads to {channel.where}"]) from error
    click.echo(f"{name} was told: {said}")


def _channels(configured: Settings) -> Channels:
    production = configured.environment is Environment.PRODUCTION
    return channels_of(configured.notify, os.environ, production=production)


def _rows(configured: Settings, channels: Channels) -> list[dict[str, str]]:
    return [
        {
            "channel": name,
            "kind": channel.kind,
            "leads_to": channels.usable[name].where if name in channels.usable else "",
            "state": channels.faults.get(name, "ready"),
        }
        for name, channel in configured.notify.channels.items()
    ]
