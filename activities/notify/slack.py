"""An incoming webhook of Slack, or of a chat that takes the same: Mattermost, Rocket.Chat, Zulip."""

import json

from activities.notify.addresses import check_url
from activities.notify.letter import Letter

_MOST_TITLE = 150
_MOST_FIELD = 2_000
_MOST_FIELDS = 10


class SlackChannel:
    """The url is the secret: whoever has it may write."""

    def __init__(self, url: str, *, only_https: bool = False) -> None:
        self._url = url
        self._where = check_url(url, only_https=only_https)

    @property
    def where(self) -> str:
        return self._where

    async def send(self, letter: Letter) -> str:
        from activities.notify import posting

        message = {
            "text": _text(letter),
            "blocks": _blocks(letter),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        return await posting.deliver(self._url, json.dumps(message, ensure_ascii=False).encode(), {})


def _blocks(letter: Letter) -> list[object]:
    """Foreign words stand in plain_text, where nothing is a mention, a link or a format."""
    fields = [_plain(f"{name}\n{value}", _MOST_FIELD) for name, value in (("what", letter.question), *letter.facts)]
    blocks: list[object] = [
        {"type": "header", "text": _plain(letter.title, _MOST_TITLE)},
        {"type": "section", "fields": fields[:_MOST_FIELDS]},
    ]
    if letter.answers:
        commands = _escaped("\n".join(letter.answers))
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"To answer, one of:\n```{commands}```"}})
    if letter.links:
        blocks.append({"type": "actions", "elements": [_button(name, link) for name, link in letter.links.items()]})
    return blocks


def _text(letter: Letter) -> str:
    """The whole again: for the phone's notification, and for chats that know no blocks."""
    facts = [f"{name}: {_code(value)}" for name, value in (("what", letter.question), *letter.facts)]
    commands = [_code(answer) for answer in letter.answers]
    links = [f"<{_escaped(link)}|{name}>" for name, link in letter.links.items()]
    how = ["To answer, one of:", *commands] if commands else []
    return "\n".join([f"*{_escaped(letter.heading)}*", *facts, *how, *links])


def _plain(text: str, limit: int) -> dict[str, object]:
    return {"type": "plain_text", "text": text[:limit], "emoji": False}


def _button(name: str, link: str) -> dict[str, object]:
    return {"type": "button", "text": _plain(f"Open the {name}", 75), "url": link}


def _code(text: str) -> str:
    """As code, which neither Slack nor those like it search for mentions, links or pictures."""
    return f"`{_escaped(text.replace('`', chr(39)))}`"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
