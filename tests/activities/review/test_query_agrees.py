"""query.agrees: what the sources give must stand in the text."""

import pytest
from pydantic import ValidationError

from activities.review.agreement import QueryAgrees, QueryAgreesInput
from tests.fakes.workspace import FolderWorkspace

SALES = b"region,day,price,zip\nNorth,2024-01-05,10.5,00501\nNorth,2024-01-06,12.25,00501\nSouth,2024-02-01,1000,1\n"
NOTE = """# Sales

The **north** sold for 11.38 on average, the south for 1,000; 66.7 % of sales were in the north.
The first was on 5 January 2024, the last on 2024-02-01, at 1 shop.
"""
MEANS = "SELECT region, avg(price) AS mean FROM source GROUP BY region ORDER BY region"


@pytest.fixture(autouse=True)
def _files(workspace: FolderWorkspace) -> None:
    workspace.write("sales.csv", SALES, "")
    workspace.write("shops.csv", b"region;city\nNorth;Oslo\nSouth;Rome\n", "")
    workspace.write("note.md", NOTE.encode(), "")


def faults(workspace: FolderWorkspace, sql: str, artifact: str = "note.md", tolerance: float = 0) -> tuple[str, ...]:
    asked = QueryAgreesInput(artifact=artifact, file="sales.csv", sql=sql, tolerance=tolerance)
    return QueryAgrees().run(asked, workspace)


@pytest.mark.parametrize(
    "sql",
    [
        MEANS,
        "SELECT count(*) FILTER (region = 'North') / count(*) FROM source",
        "SELECT 100.0 * count(*) FILTER (region = 'North') / count(*) FROM source",
        "SELECT min(day), max(day) FROM source",
        "SELECT 1 AS shops",
        "SELECT max(price)::DECIMAL(10, 2) FROM source",
    ],
)
def test_a_text_that_says_what_the_query_gives_passes(workspace: FolderWorkspace, sql: str) -> None:
    assert faults(workspace, sql) == ()


def test_a_query_over_several_files_and_kinds_agrees(workspace: FolderWorkspace) -> None:
    workspace.write("p.json", b'[{"region": "North", "n": 2}, {"region": "South", "n": 1}]', "")
    workspace.write("note.md", b"In OSLO 2 sales, zip 00501.", "")
    sql = "SELECT city, n, zip FROM shops JOIN p USING (region) JOIN sales USING (region) WHERE n = 2 GROUP BY ALL"
    tables = ("sales=sales.csv", "shops=shops.csv", "p = p.json")
    assert QueryAgrees().run(QueryAgreesInput(artifact="note.md", tables=tables, sql=sql), workspace) == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("11.38", "11.83", "does not say 11.375, which the source gives for 'mean' (row of North)"),
        ("11.38", "11.4", ""),
        ("11.38", "11.3", "does not say 11.375"),
        ("11.38", "12", "does not say 11.375"),
        ("11.38", "11.380", "does not say 11.375"),
        ("1,000", "1,001", "does not say 1000"),
        ("the south", "the southern part", "does not say 'South'"),
    ],
)
def test_a_text_that_says_otherwise_fails(workspace: FolderWorkspace, old: str, new: str, says: str) -> None:
    workspace.write("note.md", NOTE.replace(old, new).encode(), "")
    found = faults(workspace, MEANS)
    assert (len(found), says in "".join(found)) == (1 if says else 0, True)


def test_a_lone_digit_must_be_exact_and_a_sign_may_not_be_turned(workspace: FolderWorkspace) -> None:
    assert faults(workspace, "SELECT 1.3 AS x")
    assert faults(workspace, "SELECT 0.02 AS x")
    workspace.write("note.md", b"It fell by 5.3 and rose by -7.5.", "")
    assert faults(workspace, "SELECT -5.3 AS x") == ()
    assert faults(workspace, "SELECT 7.5 AS x")


def test_a_tolerance_lets_numbers_be_off(workspace: FolderWorkspace) -> None:
    assert faults(workspace, "SELECT 1020 AS x")
    assert faults(workspace, "SELECT 1020 AS x", tolerance=0.02) == ()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT prise FROM source", 'the check\'s query fails: Binder Error: Referenced column "prise" not found'),
        ("SELECT price FROM source WHERE price > 1e6", "gives no row"),
        ("SELECT max(price) FROM source WHERE price > 1e6", "no value for 'max(price)'; it must not give NULL"),
        ("SELECT 0.0 / 0 AS x", "no value for 'x'"),
        ("SELECT * FROM range(21)", "more than 20 rows"),
        ("DROP TABLE source", "is not one SELECT"),
        ("SELEC 1", "the check's query fails"),
        ("SELECT * FROM read_csv('/etc/passwd')", "the check's query fails: Permission Error"),
    ],
)
def test_a_query_that_cannot_be_used_is_a_fault(workspace: FolderWorkspace, sql: str, says: str) -> None:
    (fault,) = faults(workspace, sql)
    assert says in fault


@pytest.mark.parametrize("content", [b"", b"a\0b", b"a,b\n1\n1,2,3\n", b"\xff\xfe", b"x" * 10**6])
def test_a_source_that_cannot_be_read_is_a_fault(workspace: FolderWorkspace, content: bytes) -> None:
    workspace.write("sales.csv", content, "")
    assert len(faults(workspace, "SELECT count(*) + 0.123 AS n FROM source")) == 1


def test_files_that_are_not_there_are_faults(workspace: FolderWorkspace) -> None:
    assert "there is no x.md" in faults(workspace, "SELECT 1", "x.md")[0]
    asked = QueryAgreesInput(artifact="note.md", file="x.csv", sql="SELECT 1")
    assert "there is no x.csv" in QueryAgrees().run(asked, workspace)[0]


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="either file, or tables"):
        QueryAgreesInput(artifact="a.md", sql="SELECT 1")
    with pytest.raises(ValidationError, match="is not name=file"):
        QueryAgreesInput(artifact="a.md", sql="SELECT 1", tables=("sales.csv",))
