"""What a model that calls a tool sees."""

import json

import pytest

from activities.catalogue import TOOLS
from activities.tools.charts import ChartInput, ChartRender
from activities.tools.data.finding import Aspect
from activities.tools.data.tools import DataFindings, DataProfile, DataQuery, FindingsInput, ProfileInput, QueryInput
from activities.tools.documents import DocumentInput, DocumentRender
from activities.tools.files import FileList, FileListInput, FileRead, FileReadInput, FileWrite, FileWriteInput
from activities.tools.tool import MOST_CONTENT, Tool, ToolError
from tests.fakes.samples import sales, write_report
from tests.fakes.workspace import FolderWorkspace


@pytest.fixture(autouse=True)
def _files(workspace: FolderWorkspace) -> None:
    workspace.write("sales.csv", sales(), "text/csv")


def asked(workspace: FolderWorkspace, sql: str, artifact: str = "", limit: int = 10_000) -> str:
    arguments = QueryInput(file="sales.csv", sql=sql, artifact=artifact, limit=limit)
    return DataQuery().run(arguments, workspace).content


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_and_every_argument_says_what_it_is(tool: type[Tool]) -> None:
    assert 40 < len(tool.description) < 500
    assert [name for name, field in tool.input_model.model_fields.items() if not field.description] == []
    assert json.dumps(tool.input_model.model_json_schema())


def test_a_short_text_is_shown_whole(workspace: FolderWorkspace) -> None:
    workspace.write("a.md", "é".encode() * 18_000, "")
    assert FileRead().run(FileReadInput(name="a.md"), workspace).content == "é" * 18_000


def test_a_long_text_is_shown_in_parts(workspace: FolderWorkspace) -> None:
    text = "".join(f"{n:06}\n" for n in range(6000))
    workspace.write("a.txt", text.encode(), "")
    first = FileRead().run(FileReadInput(name="a.txt"), workspace).content
    assert first == f"{text[:15_000]}\n[27,000 of 42,000 characters are left out; offset=15000 reads on]"
    last = FileRead().run(FileReadInput(name="a.txt", offset=30_000), workspace).content
    assert last == text[30_000:]
    some = FileRead().run(FileReadInput(name="a.txt", offset=7, limit=6), workspace).content
    assert some.startswith("000001\n[41,987 of 42,000 ")
    with pytest.raises(ToolError, match="has 42,000 characters; offset must be less"):
        FileRead().run(FileReadInput(name="a.txt", offset=42_000), workspace)


def test_lists_names_sizes_and_kinds(workspace: FolderWorkspace) -> None:
    workspace.write("notes/a.md", b"# A\n", "text/markdown")
    result = FileList().run(FileListInput(), workspace)
    assert result.summary == "2 files"
    assert "notes/a.md · 4 bytes · text/markdown" in result.content.splitlines()
    assert "sales.csv · " in result.content
    assert (
        FileList().run(FileListInput(pattern="*.png"), workspace).summary == "no file fits '*.png'; there are 2 files"
    )


def test_lists_a_bounded_number_of_files(workspace: FolderWorkspace) -> None:
    for n in range(310):
        workspace.write(f"{'x' * 150}/{n:03}.txt", b"a", "")
    content = FileList().run(FileListInput(), workspace).content
    assert len(content) <= MOST_CONTENT
    assert "narrow them down" in content.splitlines()[-1]


def test_a_query_shows_its_first_rows_and_keeps_nothing_unless_asked(workspace: FolderWorkspace) -> None:
    before = workspace.names()
    content = asked(workspace, "SELECT id, CASE WHEN id > 1 THEN 0.1 + 0.2 END AS x FROM source ORDER BY id")
    lines = content.splitlines()
    assert lines[:4] == ["id,x", "0,", "1,", "2,0.3"]
    assert lines[-1] == "[601 rows, of which the first 50 are shown; an empty cell is NULL]"
    assert len(lines) == 52
    assert workspace.names() == before


def test_a_query_says_when_it_has_more_rows_than_asked_for(workspace: FolderWorkspace) -> None:
    content = asked(workspace, "SELECT id FROM source ORDER BY id", limit=2)
    assert content.splitlines() == ["id", "0", "1", "[the first 2 rows of more (see `limit`); an empty cell is NULL]"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('long ', 1000) AS a, repeat('é', 9000) AS b, * FROM source",
        f"SELECT {', '.join(f'id AS c{i:080}' for i in range(190))} FROM source",
        "SELECT chr(0) || chr(10) || chr(13) AS odd FROM source",
    ],
)
def test_what_a_query_shows_is_bounded_and_has_no_nul(workspace: FolderWorkspace, sql: str) -> None:
    content = asked(workspace, sql)
    assert len(content) <= MOST_CONTENT
    assert "\0" not in content
    assert "601 rows" in content.splitlines()[-1]


def test_a_query_that_fails_shows_the_database_s_words_and_what_there_is(workspace: FolderWorkspace) -> None:
    with pytest.raises(ToolError) as caught:
        asked(workspace, "SELECT avg(prise) FROM source")
    said = str(caught.value)
    assert 'Referenced column "prise" not found' in said
    assert 'Candidate bindings: "price"' in said
    assert '"source" ("id" integer, "day" date, "shop" text, "weight" number, "price" number, "note" text)' in said
    assert len(said) < 2000


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_json_objects('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM glob('**')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'https://example.com/x.parquet'",
        "SELECT * FROM read_csv('http://127.0.0.1/x.csv')",
        "SELECT * FROM read_csv('s3://bucket/x.csv')",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM query('COPY source TO ''/tmp/x.csv''')",
        "COPY source TO '/tmp/x.csv'",
        "COPY source FROM '/etc/passwd'",
        "ATTACH '/tmp/x.db' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "EXPORT DATABASE '/tmp/x'",
        "CALL pragma_version()",
        "SELECT 1; SET lock_configuration = false",
        "",
    ],
)
def test_no_query_reaches_other_files_the_network_or_the_environment(workspace: FolderWorkspace, sql: str) -> None:
    with pytest.raises(ToolError, match=r"Permission Error|one SELECT|does not exist|Expected a single SELECT"):
        asked(workspace, sql)


def test_a_query_sees_only_the_files_that_it_names(workspace: FolderWorkspace) -> None:
    workspace.write("other.csv", b"a,b\n1,2\n", "")
    with pytest.raises(ToolError, match="Permission Error"):
        asked(workspace, f"SELECT * FROM read_csv('{workspace.path('other.csv')}')")


def test_two_columns_of_one_name_cannot_become_records(workspace: FolderWorkspace) -> None:
    with pytest.raises(ToolError, match="two columns are called 'id'"):
        asked(workspace, "SELECT id, id FROM source", "a.json")


def test_a_profile_describes_each_column_on_a_line(workspace: FolderWorkspace) -> None:
    content = DataProfile().run(ProfileInput(file="sales.csv", artifact="p.json"), workspace).content
    lines = content.splitlines()
    assert lines[0] == "sales.csv: 601 rows, 1 of them repeat another row"
    assert lines[2].startswith("day (date, time): 0 missing, 600 different; from 2022-01-01 to 2023-08-23")
    assert "note (text, category): 200 missing" in content
    assert "mean " in lines[5]
    assert len(lines) == 7


def test_a_profile_of_many_columns_says_where_the_rest_is(workspace: FolderWorkspace) -> None:
    names = [f"column {'x' * 40} {n}" for n in range(300)]
    workspace.write("wide.csv", f"{','.join(names)}\n{','.join('1' for _ in names)}\n".encode(), "")
    content = DataProfile().run(ProfileInput(file="wide.csv", artifact="p.json"), workspace).content
    assert len(content) <= MOST_CONTENT
    assert content.endswith("more lines are left out; all columns are in p.json]")


def test_findings_charts_and_documents_say_what_they_found_and_wrote(workspace: FolderWorkspace) -> None:
    found = DataFindings().run(FindingsInput(file="sales.csv", aspect=Aspect.GROUPS, artifact="g.json"), workspace)
    assert "sales.csv" in found.content.splitlines()[0]
    assert "shop" in found.content
    assert "chart " in found.content
    drawn = ChartRender().run(ChartInput(findings="g.json", prefix="c"), workspace)
    assert drawn.content.startswith("Artifacts written:\nc/")
    assert all(name in workspace.written for name in drawn.content.replace(" and ", "\n").splitlines()[1:])
    write_report(workspace)
    page = DocumentRender().run(DocumentInput(markdown="report.md", artifact="page.html"), workspace)
    assert page.content == "Artifacts written:\npage.html"


def test_writing_half_a_character_is_refused(workspace: FolderWorkspace) -> None:
    with pytest.raises(ToolError, match="lone surrogate"):
        FileWrite().run(FileWriteInput.model_construct(name="a.txt", content="a\ud800"), workspace)
