"""Each mistake gets one clear message that says what to do, exit code 2, no stack trace, and nothing half done."""

import json
import os
import socket
from pathlib import Path

import pytest

from tests.e2e.command import Botted, Ended
from tests.e2e.people import Here
from worker.embedded.stack import Addresses

GOOD = "day,sales\n2024-01-01,3\n2024-01-02,5\n"


def refused(ended: Ended, *expected: str) -> None:
    assert ended.code == 2, ended.out + ended.err
    assert "Traceback" not in ended.err
    for text in expected:
        assert text in ended.err, ended.err


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.csv", b"", "empty"),
        ("binary.csv", bytes(range(256)) * 20, "binary"),
        ("latin.csv", "name,price\nJosé,3\nAna,4\n".encode("latin-1"), "iconv"),
        ("ragged.csv", b"a,b\n1,2\n3,4,5\n6,7\n", "line 3"),
        ("onecolumn.csv", b"a\n1\n2\n3\n", "single_column=true"),
        ("header.csv", b"a,b,c\n", "header"),
        ("broken.parquet", b"PAR1 but not really", "broken.parquet"),
        ("broken.json", b'[{"a": 1, "b": 2}, {"a": ', "broken.json"),
        ("what.xyz", b"a,b\n1,2\n", ".csv"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    here: Here, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    before = len(json.loads(here("list", "--json").out))
    refused(here("run", "Look", "--file", path, "--playbook", "data-report"), expected)
    assert len(json.loads(here("list", "--json").out)) == before
    assert not (tmp_path / "deliverables").exists()


def test_every_bad_file_is_named_at_once(here: Here, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n1,2,3\n")
    refused(here("run", "Look", "--file", "a.csv", "--file", "b.csv"), "a.csv", "b.csv")


def test_missing_files_and_folders_are_refused(here: Here, tmp_path: Path) -> None:
    refused(here("run", "Look", "--file", "nowhere.csv"), "nowhere.csv: there is no such file")
    refused(here("run", "Look", "--file", tmp_path), "this is a folder; name the files in it")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ('"a ""quoted"" name","a ""quoted"" name"', "1,2\n3,4\n5,6\n"),
        (
            '"x; DROP TABLE source; --","<script>alert(1)</script>"',
            "1,<b>bold</b>\n2,<img src=x onerror=alert(1)>\n3,y\n",
        ),
        ("価格,naïve “name”", "1,2\n2,3\n9,1\n"),
        ("n" * 3000 + ",b", "1,2\n2,3\n3,4\n"),
        (",", "1,2\n2,3\n3,4\n"),
    ],
    ids=["duplicate", "hostile", "non-latin", "long", "unnamed"],
)
def test_hostile_headers_and_values_are_reported_on_and_never_become_html(
    botted: Botted, tmp_path: Path, header: str, rows: str
) -> None:
    (tmp_path / "odd.csv").write_text(f"{header}\n{rows}", "utf-8")
    ended = botted("run", "Look", "--file", "odd.csv", "--out", "out")
    assert ended.code == 0, ended.out + ended.err
    html = (tmp_path / "out" / "report.html").read_text()
    for never in ("<script", "<img src=x", "<b>bold"):
        assert never not in html


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_out_folder_without_permission_is_refused(botted: Botted, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    (tmp_path / "a.csv").write_text(GOOD)
    refused(botted("run", "Look", "--file", "a.csv", "--out", closed / "x"), "no permission to write")


def test_an_out_that_is_a_file_is_refused(here: Here, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    refused(here("run", "Look", "--file", "a.csv", "--out", "a.csv/x"), "is a file, not a folder")


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("- {id: a, title: A, needs: [b], steps: [{tool: file.read, with: {name: a.csv}}]}\n"
         "  - {id: b, title: B, needs: [a], steps: [{tool: file.read, with: {name: a.csv}}]}", "mine.yaml:5"),
        ("- {id: a, title: A, steps: [{tool: file.burn}]}", "there is no tool 'file.burn'"),
        ("- {id: a, title: A, steps: [{tool: file.read, with: {name: [1, 2]}}]}", "mine.yaml:5"),
        ("- {id: a, title: '{{ inputs.colour }}', steps: [{tool: file.read}]}", "declares no input 'colour'"),
    ],
    ids=["circle", "unknown tool", "bad type", "missing variable"],
)  # fmt: skip
def test_a_faulty_playbook_is_refused_with_file_line_and_field(
    here: Here, tmp_path: Path, tasks: str, expected: str
) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "mine.yaml").write_text(f"name: mine\nversion: 1.0.0\ndescription: x\ntasks:\n  {tasks}\n")
    refused(here("run", "Go", "--playbook", "mine.yaml", "--file", "a.csv"), expected, "mine.yaml:")
    refused(here("playbooks", "show", "no-such-playbook"), "no such playbook", "data-report")


def test_commands_refuse_what_they_cannot_understand(here: Here, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    refused(here("run", "  ", "--file", "a.csv"), "the objective is empty")
    refused(here("run", "Look", "--file", "a.csv", "--input", "colour"), "name=value")
    refused(here("run", "Look", "--file", "a.csv", "--input", "colour=red"), "has no such input")
    refused(here("run", "Look", "--file", "a.csv", "--mode", "sideways"), "sideways")
    refused(here("run", "x" * 5000, "--file", "a.csv"), "at most 4,000")
    refused(here("show", "nobody"), "there is no objective 'nobody'")
    for command in (
        ("cancel", "nobody"),
        ("approve", "nobody"),
        ("budget", "nobody", "--usd", "3"),
        ("tell", "nobody", "a", "hello"),
    ):
        refused(here(*command), "there is no objective 'nobody'")
    refused(here("tell", "nobody", "a", " "), "a message has between 1 and 2,000 characters")
    refused(here("lessons", "forget", "0"), "0")
    refused(here("lessons", "forget", "9223372036854775807"), "there is no lesson 9223372036854775807")


def test_without_a_model_and_a_fitting_playbook_three_lines_say_what_to_do(botted: Botted, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    ways = (
        "set a key: OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY",
        "point OPENAI_BASE_URL at a server, or install botted[local] and set BOTTED_LOCAL__GGUF to a GGUF file of "
        "3B parameters or more",
        "name a playbook that needs no model with --playbook (`botted playbooks`)",
    )
    ended = botted("run", "Look")
    refused(ended, "no model is configured, and no playbook clearly fits an objective without files", *ways)
    assert len(ended.err.splitlines()) == 4
    translating = botted("run", "Translate this into French", "--file", "a.csv")
    refused(translating, "no playbook clearly fits an objective like this with a.csv", *ways)
    (tmp_path / "needs.yaml").write_text(
        "name: needs-one\nversion: 1.0.0\ndescription: x\ntasks:\n"
        "  - {id: a, title: A, work: {instructions: Look., tools: [file.read]}}\n"
    )
    refused(botted("run", "Go", "--playbook", "needs.yaml"), "the playbook 'needs-one' needs a model", *ways)


def test_a_key_that_is_configured_and_not_set_is_named(botted: Botted, tmp_path: Path) -> None:
    (tmp_path / "botted.toml").write_text('[models.profiles.strong]\nprovider = "openai"\nmodel = "gpt-5.4"\n')
    refused(botted("run", "Look"), "no configured model is usable (profile 'strong': OPENAI_API_KEY is not set)")


@pytest.mark.parametrize(
    "options",
    [
        ("--budget-usd", "0"),
        ("--budget-usd", "nan"),
        ("--budget-usd", "inf"),
        ("--budget-usd", "much"),
        ("--budget-usd", "1e300"),
        ("--budget-tokens", "-1"),
        ("--budget-turns", "0"),
        ("--minutes", "-5"),
        ("--on-limit", "explode"),
        ("--plan", "luck"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(here: Here, options: tuple[str, str]) -> None:
    refused(here("run", "Look", *options), options[0])


def test_a_model_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_text("not a model")
    for path, expected in (("model.gguf", "is not a GGUF file"), ("nowhere.gguf", "does not exist")):
        botted = Botted(tmp_path / "data", tmp_path, BOTTED_LOCAL__GGUF=path)
        refused(botted("run", "Look"), expected)
        refused(botted("up"), expected)


def test_a_bad_setting_is_named(botted: Botted) -> None:
    botted.environment["BOTTED_HOST__MAX_CONCURRENT_STEPS"] = "many"
    refused(botted("list"), "host.max_concurrent_steps", "many")


def test_a_data_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "format").write_text("99\n")
    ended = Botted(folder, tmp_path)("list")
    refused(ended, "newer botted", "BOTTED_DATA_DIR")
    assert sorted(path.name for path in folder.iterdir()) == ["format"]


def test_addresses_where_nothing_answers_are_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        botted = Botted(
            tmp_path / "data",
            tmp_path,
            BOTTED_TEMPORAL__ADDRESS=nowhere,
            BOTTED_DATABASE__URL=f"postgresql://botted@{nowhere}/botted",
        )
        ended = botted("list")
    assert ended.code == 1
    assert "Postgres does not answer" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "data").exists()


def test_an_objective_that_cannot_be_started_leaves_nothing_behind(
    botted: Botted, addresses: Addresses, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    before = ids(botted)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
        lost = Botted(
            tmp_path / "data", tmp_path, BOTTED_TEMPORAL__ADDRESS=nowhere, BOTTED_DATABASE__URL=addresses.database_url
        )
        ended = lost("run", "Look", "--file", "a.csv")
    assert ended.code == 1
    assert f"Temporal does not answer at {nowhere}" in ended.err
    assert "Traceback" not in ended.err
    assert ids(botted) == before


def ids(botted: Botted) -> list[str]:
    return [row["id"] for row in json.loads(botted("list", "--json").out)]
