"""The fake provider itself, in so far as other tests rest on it."""

import json
import subprocess
import sys
import urllib.request

import pytest

from activities.llm.model import Wire
from tests.activities.llm.conftest import MakeModel, request
from tests.fakes.llm_script import Call, Reply, Say, SeenRequest
from tests.fakes.llm_server import FakeLlm

_PLAIN = {"model": "m", "messages": [{"role": "user", "content": "Hello from afar."}]}
_CLIENT = """
import json, sys, urllib.request
data = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello from afar."}]}).encode()
print(urllib.request.urlopen(sys.argv[1] + "/chat/completions", data=data).read().decode())
"""


def test_it_serves_other_processes_from_a_thread() -> None:
    with FakeLlm(lambda seen: Say(f"heard: {seen.last}")).serving() as llm:
        done = subprocess.run([sys.executable, "-c", _CLIENT, llm.base_url], capture_output=True, check=True, text=True)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "heard: Hello from afar."
        assert [seen.path for seen in llm.requests] == ["/v1/chat/completions"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(llm.base_url, timeout=5)


@pytest.mark.parametrize("wire", Wire)
async def test_a_responder_plays_all_parts(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    def play(seen: SeenRequest) -> Reply:
        if "weather" in seen.tools:
            return Call("weather", {"city": seen.last})
        return Say(f"{seen.system} {len(seen.turns)}")

    llm.responder = play
    llm.script(Say("first of all, the script"))
    asked = model(wire)
    assert (await asked.ask(request())).text == "first of all, the script"
    assert (await asked.ask(request())).text == "Be brief. 1"
    assert llm.high_water == 1
    assert llm.requests[0].at < llm.requests[1].at


@pytest.mark.parametrize("wire", Wire)
async def test_tokens_follow_the_length_of_what_is_said(llm: FakeLlm, model: MakeModel, wire: Wire) -> None:
    llm.script(Say("x" * 800))
    usage = (await model(wire).ask(request())).usage
    assert (usage.input_tokens, usage.output_tokens) == (len("Be brief.Hello.") // 4 + 1, 201)
