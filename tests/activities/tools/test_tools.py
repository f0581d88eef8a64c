import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

from activities.review.claims import CHECKS, ClaimsHold, ClaimsHoldInput
from activities.tools.catalog import TOOLS
from activities.tools.charts import ChartInput, ChartRender
from activities.tools.data.finding import Aspect
from activities.tools.data.tools import (
    DataFindings,
    DataProfile,
    DataQuery,
    FindingsInput,
    ProfileInput,
    QueryInput,
)
from activities.tools.files import FileRead, FileReadInput, FileWrite, FileWriteInput
from activities.tools.tool import ToolError
from tests.fakes.samples import sales
from tests.fakes.workspace import FolderWorkspace


@pytest.fixture(autouse=True)
def _files(workspace: FolderWorkspace) -> None:
    workspace.write("sales.csv", sales(), "text/csv")
    workspace.write("shops.csv", b"shop,city\nnorth,Oslo\nsouth,Rome\n", "text/csv")


def query(workspace: FolderWorkspace, sql: str, artifact: str = "out.json", **arguments: Any) -> Any:
    arguments = arguments or {"file": "sales.csv"}
    DataQuery().run(QueryInput(sql=sql, artifact=artifact, **arguments), workspace)
    content = workspace.read(artifact)
    return json.loads(content) if artifact.endswith(".json") else content.decode()


def test_names_of_tools_and_checks_are_unique() -> None:
    assert [tool.name for tool in TOOLS] == [
        "data.profile", "data.findings", "data.query", "chart.render", "document.render",
        "file.list", "file.read", "file.write",
    ]  # fmt: skip
    assert [check.name for check in CHECKS] == ["claims.hold", "report.figures"]


def test_profiles_every_column(workspace: FolderWorkspace) -> None:
    DataProfile().run(ProfileInput(file="sales.csv", artifact="profile.json"), workspace)
    profile = json.loads(workspace.read("profile.json"))
    assert (profile["rows"], profile["duplicate_rows"]) == (601, 1)
    columns = {column["name"]: column for column in profile["columns"]}
    assert columns["note"]["missing"] == 200
    assert columns["day"]["minimum"] == "2022-01-01"
    assert columns["shop"]["distinct"] == 4
    assert set(columns["weight"]["numbers"]["quantiles"]) >= {"0.25", "0.5", "0.75"}


def test_queries_several_files(workspace: FolderWorkspace) -> None:
    rows = query(
        workspace,
        "SELECT city, count(*) AS n, min(day) AS first FROM sales JOIN shops USING (shop) GROUP BY city ORDER BY city",
        files={"sales": "sales.csv", "shops": "shops.csv"},
    )
    assert [row["city"] for row in rows] == ["Oslo", "Rome"]
    assert rows[0]["first"].startswith("2022-01")


def test_queries_to_csv_up_to_a_limit(workspace: FolderWorkspace) -> None:
    text = query(workspace, "SELECT id FROM source ORDER BY id", "out.csv", file="sales.csv", limit=2)
    assert text == "id\n0\n1\n"


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT nothing FROM source", 'Referenced column "nothing" not found'),
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("DROP TABLE source", "one SELECT"),
        ("COPY source TO '/tmp/x.csv'", "one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Permission Error"),
        ("SELECT * FROM '/etc/passwd'", "Error"),
        ("SELECT * FROM workspace", "does not exist"),
    ],
)
def test_refuses_queries_that_fail_or_do_more_than_read(workspace: FolderWorkspace, sql: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        query(workspace, sql)


@pytest.mark.parametrize("ending", ["parquet", "ndjson", "json", "xlsx"])
def test_findings_in_other_formats_hold(workspace: FolderWorkspace, tmp_path: Path, ending: str) -> None:
    rows = query(workspace, "SELECT * FROM source ORDER BY id LIMIT 200")
    name = f"copy.{ending}"
    if ending == "xlsx":
        book = openpyxl.Workbook()
        for row in ([*rows[0]], *([*row.values()] for row in rows)):
            book.active.append(row)
        book.save(tmp_path / name)
    elif ending == "json":
        workspace.write(name, json.dumps(rows).encode(), "")
    elif ending == "ndjson":
        workspace.write(name, "\n".join(json.dumps(row) for row in rows).encode(), "")
    else:
        pytest.importorskip("duckdb").sql(f"COPY (FROM '{tmp_path}/sales.csv') TO '{tmp_path / name}'")
    for aspect in (Aspect.OVERVIEW, Aspect.TRENDS):
        DataFindings().run(FindingsInput(file=name, aspect=aspect, artifact="f.json"), workspace)
        assert ClaimsHold().run(ClaimsHoldInput(claims="f.json"), workspace) == ()


def test_draws_a_specification_with_the_data_of_an_artifact(workspace: FolderWorkspace) -> None:
    query(workspace, "SELECT shop, count(*) AS n FROM source GROUP BY shop ORDER BY shop")
    spec = {
        "mark": "bar",
        "encoding": {"x": {"field": "shop", "type": "nominal"}, "y": {"field": "n", "type": "quantitative"}},
    }
    ChartRender().run(ChartInput(spec=spec, data="out.json", artifact="bars"), workspace)
    assert b"north" in workspace.read("bars.svg")
    assert workspace.read("bars.png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "spec",
    [
        {"data": {"url": "http://127.0.0.1/x.csv"}, "mark": "bar"},
        {"layer": [{"data": {"url": "file:///etc/passwd"}, "mark": "bar"}]},
        {"data": {"values": []}, "mark": {"type": "image"}},
        {"data": {"values": []}, "mark": "bar", "encoding": {"href": {"value": "javascript:x"}}},
    ],
)
def test_refuses_charts_that_fetch_or_link(workspace: FolderWorkspace, spec: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="inline data only"):
        ChartRender().run(ChartInput(spec=spec), workspace)


def test_says_why_a_specification_cannot_be_drawn(workspace: FolderWorkspace) -> None:
    with pytest.raises(ToolError, match="cannot be drawn"):
        ChartRender().run(ChartInput(spec={"mark": {"nonsense": 1}, "data": {"values": [1]}}), workspace)


def test_reads_and_writes_text(workspace: FolderWorkspace) -> None:
    FileWrite().run(FileWriteInput(name="a.md", content="one\ntwo\n"), workspace)
    assert workspace.written["a.md"].media_type == "text/markdown"
    assert "2 lines" in FileRead().run(FileReadInput(name="a.md", artifact="b.txt"), workspace).summary
    assert workspace.read("b.txt") == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("content", "says"), [(b"a\0b", "binary"), (b"\xff", "not UTF-8"), (b"x" * 1_000_001, "1,000,001")]
)
def test_refuses_to_read_what_is_not_a_short_text(workspace: FolderWorkspace, content: bytes, says: str) -> None:
    workspace.write("a.txt", content, "")
    with pytest.raises(ToolError, match=says):
        FileRead().run(FileReadInput(name="a.txt"), workspace)


def test_arguments_that_contradict_are_refused() -> None:
    with pytest.raises(ValidationError, match="either file, or files"):
        QueryInput(sql="SELECT 1", artifact="a.csv")
    with pytest.raises(ValidationError, match="either findings, or spec"):
        ChartInput()
