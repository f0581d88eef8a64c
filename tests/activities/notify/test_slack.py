import pytest

from activities.notify.channel import ChannelRefused, ChannelUnavailable, Unusable
from activities.notify.slack import SlackChannel
from tests.activities.notify.letters import AT, letter
from tests.fakes.receivers import Receiver, Reply
from workflows.domain.notice import Occasion


async def test_a_chat_gets_a_text_and_blocks(receiver: Receiver) -> None:
    channel = SlackChannel(f"{receiver.url}/services/T0/B0/SECRETPATH")
    assert await channel.send(letter(deadline=AT, base_url="https://botted.example")) == "200 OK (ok)"
    [got] = receiver.received
    header, facts, answers, links = got.json["blocks"]
    assert got.headers["content-type"] == "application/json"
    assert header["text"] == {"type": "plain_text", "text": "Waits for you: the plan", "emoji": False}
    assert {"type": "plain_text", "text": "objective\nChurn in the files (churn-1)", "emoji": False} in facts["fields"]
    assert "botted approve churn-1.plan.1" in answers["text"]["text"]
    assert links["elements"][0]["url"] == "https://botted.example/v1/approvals/churn-1.plan.1"
    assert "botted approve churn-1.plan.1" in got.json["text"]
    assert "SECRETPATH" not in channel.where


async def test_what_is_over_has_no_buttons_and_no_commands(receiver: Receiver) -> None:
    await SlackChannel(receiver.url).send(letter(occasion=Occasion.EXPIRED))
    assert [block["type"] for block in receiver.received[0].json["blocks"]] == ["header", "section"]


async def test_nobody_is_mentioned_and_nothing_is_a_link_or_a_picture_by_what_an_objective_says(
    receiver: Receiver,
) -> None:
    hostile = "<!channel> <@U1> <https://evil.example|the plan> `*bold*` ![x](https://evil.example/x.png) @here"
    await SlackChannel(receiver.url).send(letter(text=hostile, about=hostile))
    message = receiver.received[0].json
    fields = message["blocks"][1]["fields"]
    assert {field["type"] for field in fields} == {"plain_text"}
    for line in (line for line in message["text"].splitlines() if "evil" in line):
        name, _, said = line.partition(": ")
        assert name in ("what", "objective")
        assert said.startswith("`")
        assert said.endswith("`")
        assert said.count("`") == 2
    assert "<!channel>" not in message["text"]
    assert "<@U1>" not in str([block for block in message["blocks"] if block.get("text", {}).get("type") == "mrkdwn"])


async def test_texts_fit_what_slack_takes(receiver: Receiver) -> None:
    long = "word " * 79
    await SlackChannel(receiver.url).send(
        letter(text=long, about=long[:300], deciders=tuple("a" * 100 for _ in range(20)))
    )
    header, facts, *_ = receiver.received[0].json["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(facts["fields"]) <= 10
    assert all(len(field["text"]) <= 2000 for field in facts["fields"])


async def test_what_slack_says_is_passed_on_as_a_word(receiver: Receiver) -> None:
    receiver.replies = [
        Reply(400, b"invalid_payload"),
        Reply(410, b"channel_is_archived"),
        Reply(404, b"<b>SECRETPATH"),
    ]
    channel = SlackChannel(f"{receiver.url}/SECRETPATH")
    with pytest.raises(ChannelUnavailable, match=r"400 Bad Request \(invalid_payload\)"):
        await channel.send(letter())
    with pytest.raises(ChannelRefused, match="channel_is_archived"):
        await channel.send(letter())
    with pytest.raises(ChannelUnavailable) as refused:
        await channel.send(letter())
    assert str(refused.value) == "it answers 404 Not Found"


def test_in_production_its_address_is_https() -> None:
    with pytest.raises(Unusable, match="not https"):
        SlackChannel("http://hooks.example/SECRETPATH", only_https=True)
