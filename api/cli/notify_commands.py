"""The commands about notices: by which channels people are told that something waits for them."""

import click


@click.group(invoke_without_command=True)
@click.pass_context
def notify(context: click.Context) -> None:
    """List the channels by which people are told that something waits for them.

    Channels are set in botted.toml, under [notify.channels.NAME]; `botted run --notify NAME` uses them. Hosts read
    them when they start.
    """
    if context.invoked_subcommand is None:
        from api.cli import channel_pages

        channel_pages.list_channels(as_json=False)


@notify.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_channels(as_json: bool) -> None:
    """List the channels, where each leads and whether it can be used. Never shows a secret."""
    from api.cli import channel_pages

    channel_pages.list_channels(as_json=as_json)


@notify.command("test")
@click.argument("channel")
def test_channel(channel: str) -> None:
    """Send a test notice by this channel now, from here, and say what came back."""
    from api.cli import channel_pages

    channel_pages.test_channel(channel)
