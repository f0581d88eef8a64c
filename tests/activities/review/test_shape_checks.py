"""json.shape, table.shape, text.length and links.resolve: good work passes, each planted defect is named."""

import json

import pytest
from pydantic import ValidationError

from activities.catalogue import CHECKS
from activities.review.basic import TextInput, TextSays
from activities.review.check import Check
from activities.review.documents import LinksResolve, LinksResolveInput, TextLength, TextLengthInput
from activities.review.shape import JsonShape, JsonShapeInput, TableShape, TableShapeInput
from tests.fakes.workspace import FolderWorkspace

REGIONS = {"title": "Sales", "regions": [{"name": "north", "sales": 12.5}, {"name": "south", "sales": 7}]}
TABLE = b"region,sales,note\nnorth,12.5,a\nsouth,7,\neast,NA,b\n"
NOTE = """# Sales of 2024

## 1. Summary

The [north](#details) sold most, see the [table](../data/sums.csv) and ![the chart](charts/sums.svg "Sums").

## Details

All of it is [here](other.md#the-method), at <https://example.com/a?b=c> and in <a href="../data/sums.csv">a table</a>.

```
[not a link](nowhere.md)
```
"""


@pytest.fixture(autouse=True)
def _files(workspace: FolderWorkspace) -> None:
    workspace.write("regions.json", json.dumps(REGIONS).encode(), "")
    workspace.write("data/sums.csv", TABLE, "")
    workspace.write("notes/note.md", NOTE.encode(), "")
    workspace.write("notes/other.md", b"The method\n==========\n\nText.\n", "")
    workspace.write("notes/charts/sums.svg", b"<svg/>", "")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_says_what_it_is_and_has_a_form(check: type[Check]) -> None:
    assert len(check.description) > 30
    assert [name for name, field in check.input_model.model_fields.items() if not field.description] == []
    assert json.dumps(check.input_model.model_json_schema())


def test_an_expression_that_is_none_is_refused_when_the_check_is_written() -> None:
    for expression in ("(", "[a", "*", "(?P<a", "a{99999999999}", "(" * 900):
        with pytest.raises(ValidationError, match="is no regular expression"):
            TextInput(artifact="a.md", matches=expression)


def shape(workspace: FolderWorkspace, *required: str, types: tuple[str, ...] = ()) -> tuple[str, ...]:
    return JsonShape().run(JsonShapeInput(artifact="regions.json", required=required, types=types), workspace)


def test_json_that_has_its_fields_passes(workspace: FolderWorkspace) -> None:
    types = ("title=text", "regions=list", "regions[]=object", "regions[].sales=number", "regions[].name=text")
    assert shape(workspace, "title", "regions", "regions[].name", types=types) == ()


@pytest.mark.parametrize(
    ("change", "required", "types", "says"),
    [
        ({"regions": [{"name": "n"}, {"nom": "s"}]}, "regions[].name", "", "regions[1] has no 'name'; it has nom"),
        ({"regions": []}, "regions[].name", "", "regions is an empty list"),
        ({"regions": {}}, "regions[].name", "", "regions is object, not a list"),
        ({"regions": [{"name": None}]}, "title", "regions[].name=text", "regions[0].name is null, text was expected"),
        ({"title": True}, "title", "title=number", "title is boolean, number was expected"),
        ({}, "a.b", "", "the whole has no 'a'; it has title, regions"),
        ({"title": 1}, "title.first", "", "title is integer, not an object"),
    ],
)  # fmt: skip
def test_json_without_a_field_fails(
    workspace: FolderWorkspace, change: dict[str, object], required: str, types: str, says: str
) -> None:
    workspace.write("regions.json", json.dumps({**REGIONS, **change}).encode(), "")
    faults = shape(workspace, required, types=(types,) if types else ())
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"title": ', "not valid JSON: Expecting value in line 1"),
        (b"```json\n{}\n```", "not valid JSON"),
        (b'{"title": NaN}', "it contains NaN"),
        (b"a\0b", "binary"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"title": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'"' + b"x" * 1_000_000 + b'"', "the whole is text"),
        (b"", "not valid JSON"),
    ],
)
def test_what_is_no_json_is_a_fault(workspace: FolderWorkspace, content: bytes, says: str) -> None:
    workspace.write("regions.json", content, "")
    assert says in shape(workspace, "title")[0]


def test_paths_and_types_that_make_no_sense_are_refused_when_the_check_is_written() -> None:
    for path in ("", "a..b", "[", "a[0]", ".a", "a]"):
        with pytest.raises(ValidationError, match="is no path"):
            JsonShapeInput(artifact="a.json", required=(path,))
    with pytest.raises(ValidationError, match="types are text, number"):
        JsonShapeInput(artifact="a.json", types=("a=str",))


def table(workspace: FolderWorkspace, artifact: str = "data/sums.csv", **arguments: object) -> tuple[str, ...]:
    return TableShape().run(TableShapeInput.model_validate({"artifact": artifact, **arguments}), workspace)


def test_a_table_with_its_columns_and_rows_passes(workspace: FolderWorkspace) -> None:
    arguments = {"columns": ["Region", "sales"], "min_rows": 3, "max_rows": 3, "no_missing": ["region"]}
    assert table(workspace, **arguments) == ()  # type: ignore[arg-type]
    records = [{"region": "north", "sales": 1, "more": {"a": [1]}}, {"sales": 2, "region": "south"}]
    workspace.write("a.json", json.dumps(records).encode(), "")
    assert table(workspace, "a.json", columns=["sales", "region"], min_rows=2, no_missing=["sales"]) == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"columns": ["region", "profit"]}, "has no column 'profit'; it has region, sales, note"),
        ({"columns": ["sales", "region"]}, "has the columns in the order region, sales; sales, region was asked for"),
        ({"min_rows": 4}, "has 3 rows, at least 4"),
        ({"max_rows": 2}, "has 3 rows, at most 2"),
        ({"no_missing": ["note"]}, "1 of 3 cells of 'note' are missing"),
        ({"no_missing": ["sales"]}, "1 of 3 cells of 'sales' are missing"),
        ({"no_missing": ["profit"]}, "has no column 'profit'"),
        ({"artifact": "data/none.csv"}, "there is no data/none.csv"),
        ({"artifact": "notes/note.md"}, "is no table"),
    ],
)  # fmt: skip
def test_a_table_of_another_shape_fails(workspace: FolderWorkspace, arguments: dict[str, object], says: str) -> None:
    assert says in table(workspace, **arguments)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"a\0b,c\n1,2\n"),
        ("a.csv", b"\xff\xfea,b\n1,2\n"),
        ("a.csv", b"a,b\n1,2\n3\n4,5,6,7\n"),
        ("a.csv", b'a,b\n"1,2\n'),
        ("a.csv", b"x" * 1_000_000),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20),
        ("a.csv", ",".join(f"c{i}" for i in range(2000)).encode()),
        ("a.json", b"[" * 100_000),
        ("a.json", b"[1, 2]"),
        ("a.json", b'"a"'),
        ("a.json", b"[]"),
        ("a.json", b"{"),
        ("a.ndjson", b'{"a": 1}\nnull\n'),
        ("a.xlsx", b"PK\x03\x04nonsense"),
        ("a.xlsx", b""),
        ("a.parquet", b"PAR1nonsense"),
    ],
)
def test_what_is_no_table_is_a_fault(workspace: FolderWorkspace, name: str, content: bytes) -> None:
    workspace.write(name, content, "")
    assert table(workspace, name, min_rows=1)


def test_text_of_the_right_length_with_its_sections_passes(workspace: FolderWorkspace) -> None:
    asked = TextLengthInput(artifact="notes/note.md", min_words=20, max_words=40, sections=("summary", "Details:"))
    assert TextLength().run(asked, workspace) == ()
    workspace.write("a.html", b"<h1>Title</h1><h2>Summary</h2><p>some words</p><script>no words</script>", "")
    asked = TextLengthInput(artifact="a.html", min_words=4, max_words=4, sections=("Title", "Summary"))
    assert TextLength().run(asked, workspace) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# A\n\n## Summary\n\nfew words", "has 4 words, at least 10"),
        (f"# A\n\n## Summary\n\n{'many ' * 30}", "has 32 words, at most 20"),
        (f"# A\n\n## Details\n\n{'word ' * 12}", "has no section 'Summary'; its headings are: 'A', 'Details'"),
        (f"# A\n\n{'word ' * 12}\n\n## Summary\n", "has nothing in its section 'Summary'"),
        (f"# A\n\n## Summary\n\n## More\n\n{'word ' * 12}", "has nothing in its section 'Summary'"),
        (f"# A\n\nSummary\n\n{'word ' * 12}", "has no section 'Summary'"),
        (f"## Summary\n\n```\n{'word ' * 12}\n```\n", "has 1 words, at least 10"),
    ],
)
def test_text_that_is_too_short_long_or_lacks_a_section_fails(workspace: FolderWorkspace, text: str, says: str) -> None:
    workspace.write("a.md", text.encode(), "")
    asked = TextLengthInput(artifact="a.md", min_words=10, max_words=20, sections=("Summary",))
    assert any(says in fault for fault in TextLength().run(asked, workspace))


def links(workspace: FolderWorkspace, text: str, name: str = "notes/note.md") -> tuple[str, ...]:
    workspace.write(name, text.encode(), "")
    return LinksResolve().run(LinksResolveInput(artifact=name), workspace)


def test_links_that_lead_somewhere_pass(workspace: FolderWorkspace) -> None:
    assert links(workspace, NOTE) == ()
    page = '<h1 id="top">A</h1><a href="#top">up</a><img src="charts/sums.svg"><img src="data:image/png;base64,AA==">'
    assert links(workspace, page, "notes/a.html") == ()
    assert links(workspace, "# A b!\n\n[x](#a-b) [y][r] [m](mailto:a@example.com)\n\n[r]: other.md\n") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a](missing.md)", "points at 'notes/missing.md', which is no artifact"),
        ("![a](../charts/sums.svg)", "points at 'charts/sums.svg'"),
        ("[a](data/sums.csv)", "points at 'notes/data/sums.csv'"),
        ("[a][b]\n\n[b]: gone.md\n", "points at 'notes/gone.md'"),
        ("# A\n\n[a](#b)", "points at #b, but notes/note.md has no such heading or id"),
        ("[a](other.md#methods)", "points at #methods, but notes/other.md"),
        ("[a](/etc/passwd)", "is absolute"),
        ("[a](../../x.md)", "points at '../x.md'"),
        ("[a](https://)", "names no proper host"),
        ("[a](http://exa$mple)", "names no proper host"),
        ("[a](javascript:alert(1))", "uses javascript:"),
        ("[a](file:///etc/passwd)", "uses file:"),
        ("[a](http://[::1)", "malformed"),
        ("[a]()", "is empty"),
        ('<img src="gone.png">', "points at 'notes/gone.png'"),
    ],
)
def test_links_that_lead_nowhere_fail(workspace: FolderWorkspace, text: str, says: str) -> None:
    faults = links(workspace, text)
    assert len(faults) == 1
    assert says in faults[0]


def test_links_are_looked_for_in_documents_only(workspace: FolderWorkspace) -> None:
    assert "neither Markdown" in links(workspace, "a", "a.csv")[0]


HOSTILE = (b"a\0b", b"\xff\xfe", b"\x89PNG\r\n\x1a\n\xff")
LONG = (b"[" * 10**6, b"`" * 10**6, b"x" * 10**6, b"![](" * 200_000, b"<a href='" * 100_000, b"> " * 400_000)


@pytest.mark.parametrize("content", HOSTILE)
def test_what_is_no_text_is_a_fault(workspace: FolderWorkspace, content: bytes) -> None:
    workspace.write("a.md", content, "")
    assert TextLength().run(TextLengthInput(artifact="a.md"), workspace)
    assert LinksResolve().run(LinksResolveInput(artifact="a.md"), workspace)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["a.md", "a.html", "a.txt"])
@pytest.mark.parametrize("content", LONG, ids=lambda content: content[:9].decode())
def test_hostile_text_takes_no_long_time(workspace: FolderWorkspace, content: bytes, name: str) -> None:
    workspace.write(name, content, "")
    assert TextLength().run(TextLengthInput(artifact=name, min_words=10**6, sections=("A",)), workspace)
    LinksResolve().run(LinksResolveInput(artifact=name), workspace)


def test_a_pattern_that_would_take_for_ever_is_stopped(workspace: FolderWorkspace) -> None:
    workspace.write("a.txt", b"a" * 64 + b"!", "text/plain")
    faults = TextSays().run(TextInput(artifact="a.txt", matches=r"^(a|a|b)*(a|aa)+$"), workspace)
    assert len(faults) == 1
