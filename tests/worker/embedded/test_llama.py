"""A model file of the user's is served beside the other servers; here by a stand-in for llama.cpp."""

import importlib.util
import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import LocalModelSettings
from tests.worker.embedded.conftest import Build
from tests.worker.embedded.house import ELSEWHERE, House, until
from worker.embedded import doctor, stack
from worker.embedded.errors import StackError

Serving = Callable[..., House]


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF and so on")
    return file


@pytest.fixture
def llama_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "packages"
    (place / "xllamacpp-1.0.dist-info").mkdir(parents=True)
    (place / "xllamacpp-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: xllamacpp\nVersion: 1.0\n"
    )
    shutil.copy(Path(__file__).with_name("stand_in_llama.py"), place / "xllamacpp.py")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))


@pytest.fixture
def serving(build: Build) -> Serving:
    """A house, not yet started, that serves a model; the arguments are those of LocalModelSettings."""

    def build_serving(**local: object) -> House:
        return asking(build(temporal=ELSEWHERE), **local)

    return build_serving


def asking(house: House, **local: object) -> House:
    house.settings = house.settings.model_copy(update={"local": LocalModelSettings.model_validate(local)})
    return house


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"model\.gguf does not exist\. Set BOTTED_LOCAL__GGUF"),
        (b"", r"model\.gguf is not a GGUF file: it does not begin with GGUF"),
        (b"PK\x03\x04 and so on", r"model\.gguf is not a GGUF file"),
    ],
)
def test_refuses_a_file_that_is_no_model_before_anything_starts(
    serving: Serving, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    house = serving(gguf=file)

    with pytest.raises(StackError, match=complaint):
        house.ensure()
    with pytest.raises(StackError, match=complaint):
        stack.supervise(house.settings, idle_stop=False, commands=house.commands)

    assert not house.folder.log("supervisor").exists()


def test_refuses_a_folder_in_the_place_of_the_model(serving: Serving, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is a folder"):
        serving(gguf=tmp_path).ensure()


def test_says_what_to_install(serving: Serving, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    house = serving(gguf=gguf)

    with pytest.raises(StackError, match=r"serve tiny\.gguf.*pip install 'botted\[local\]'"):
        house.ensure()

    assert finding(house).state is doctor.Health.PROBLEM
    assert "botted[local]" in finding(house).fix


@pytest.mark.usefixtures("llama_installed")
def test_serves_the_model_and_tells_the_host_where(serving: Serving, gguf: Path) -> None:
    house = serving(gguf=gguf, slots=3, context_tokens=1000, threads=1)

    url = house.ensure().local_model

    assert url
    assert json.loads((house.folder.path / "host.environment").read_text())["BOTTED_LOCAL__URL"] == url
    assert set(house.running().parts) == {"llama", "postgres", "host"}
    with urllib.request.urlopen(f"{url}/models") as answer:
        told = json.load(answer)
    assert (told["n_parallel"], told["n_ctx"]) == (3, 3000)
    assert finding(house).text.endswith(f"{url} answers")


@pytest.mark.usefixtures("llama_installed")
def test_a_running_stack_keeps_its_model_and_says_so(serving: Serving, gguf: Path, tmp_path: Path) -> None:
    house = serving(gguf=gguf)
    addresses = house.ensure()
    other = shutil.copy(gguf, tmp_path / "other.gguf")

    assert asking(house).ensure() == addresses
    for wish in ({"gguf": other}, {"gguf": gguf, "context_tokens": 999}):
        with pytest.raises(StackError, match=r"with the local model .*/tiny\.gguf .*you ask for .*`botted down`"):
            asking(house, **wish).ensure()
    assert finding(house).fix == "Run `botted down`; the next start serves it."


@pytest.mark.usefixtures("llama_installed")
def test_a_stack_without_a_model_cannot_be_given_one_later(build: Build, gguf: Path) -> None:
    house = build(temporal=ELSEWHERE)
    assert house.ensure().local_model is None

    with pytest.raises(StackError, match="runs without a local model, and you ask for"):
        asking(house, gguf=gguf).ensure()


@pytest.mark.usefixtures("llama_installed")
def test_a_killed_server_comes_back_at_the_same_address_and_the_host_stays(serving: Serving, gguf: Path) -> None:
    house = serving(gguf=gguf)
    addresses = house.ensure()
    before = house.kill("llama")

    until(lambda: house.is_back("llama", before))

    assert house.ensure() == addresses
    assert house.running().parts["host"] == before.parts["host"]


@pytest.mark.usefixtures("llama_installed")
def test_gives_up_on_a_model_that_never_loads_and_shows_its_last_words(serving: Serving, gguf: Path) -> None:
    gguf.write_bytes(b"GGUF broken")

    with pytest.raises(StackError, match=r"(?s)llama\.cpp .*again and again.*llama\.log.*this model is broken"):
        serving(gguf=gguf).ensure()


def test_a_server_that_runs_already_is_used_as_it_is(serving: Serving, gguf: Path) -> None:
    house = serving(gguf=gguf, url="http://127.0.0.1:9/v1")

    assert house.ensure().local_model == "http://127.0.0.1:9/v1"

    assert "llama" not in house.running().parts
    assert finding(house).text == "http://127.0.0.1:9/v1 does not answer"


def test_the_doctor_is_silent_where_no_model_is_configured(build: Build) -> None:
    assert not [found for found in doctor.examine(build().settings) if found.name == "Local model"]


def finding(house: House) -> doctor.Finding:
    return next(found for found in doctor.examine(house.settings) if found.name == "Local model")
