"""figures.match: what is found in the sources passes, what is not is named with its sentence."""

import json

import pytest

from activities.review.figures import claims_in, figures_in
from activities.review.grounding import FiguresMatch, FiguresMatchInput
from tests.fakes.workspace import FolderWorkspace

SUMS = b"region,sales,share\nnorth,1234567.891,0.4561\nsouth,42.5,0.0249\neast,-17.25,\n"
FACTS = {"rows": 336776, "nested": [{"mean": 12.639}, {"text": "up to 1,301 minutes"}], "flag": True, "none": None}


@pytest.fixture(autouse=True)
def _files(workspace: FolderWorkspace) -> None:
    workspace.write("sums.csv", SUMS, "")
    workspace.write("facts.json", json.dumps(FACTS).encode(), "")
    workspace.write("brief.txt", b"The target was 5,000 units, or 12 % more.", "")


def faults(workspace: FolderWorkspace, text: str, *ignore: str, name: str = "note.md") -> tuple[str, ...]:
    workspace.write(name, text.encode(), "")
    sources = ("sums.csv", "facts.json", "brief.txt")
    return FiguresMatch().run(FiguresMatchInput(artifact=name, sources=sources, ignore=ignore), workspace)


GOOD = """# Top 10 regions in 2024

## 2.1 Results

In 2024 the **north** sold 1,234,568 (1.23 million, $1.2M, 1 234 567.9), a share of 45.6 %; the south 42.5 or 2.49%.
Returns in the east came to 17.25 [^12], a fall of −17.3. See [the table](sums-99.csv) and `SELECT 98.7 FROM t`.

12. All 336,776 rows, about 337,000, were read on 5 January 2013 at 10:35, from 2013-01-01 to 31 Dec 2013.
13. The mean is 12.6 (12.64), at most 1,301 minutes; flights B737 and N14228, version 1.2.3, the 12th month.

| place | sales |
| ----: | ----: |
| 1 | 42.5 |
| 2 | 43 |

The sum is 1,234,593.14, the mean 411,531; the target of 5,000 was met. There are 3 rows with 33.3 % of shares missing.

```
77.7
```
"""


def test_a_text_whose_figures_are_in_its_sources_passes(workspace: FolderWorkspace) -> None:
    assert faults(workspace, GOOD.replace("1 234 567.9", "1\u202f234\u202f567.9")) == ()


@pytest.mark.parametrize(
    ("sentence", "figure"),
    [
        ("The mean is 12.7 minutes.", "12.7"),
        ("The mean is 12.65 minutes.", "12.65"),
        ("There are 336,777 rows.", "336,777"),
        ("A share of 46.1 % went north.", "46.1 %"),
        ("A share of 5% went north.", "5%"),
        ("Sales of 1.3 million.", "1.3 million"),
        ("It took 87 minutes.", "87"),
        ("Up +17.25 in the east, which fell.", ""),
        ("It cost USD1,999.", "1,999"),
        ("About 350,000 rows.", "350,000"),
        ("**99.5 %** of it.", "99.5 %"),
        ("`99.5 %` of it.", "99.5 %"),
        ("[99.5 %](sums.csv) of it.", "99.5 %"),
        ("## Sales fell by 99.5 %", "99.5 %"),
        ("| a | b |\n|---|---|\n| x | 99.5 |", "99.5"),
        ("<p>Some 99.5 of it</p>", "99.5"),
        ("- one\n- two 99.5\n", "99.5"),
        ("> it was 99.5", "99.5"),
        ("It was 2,024 units.", "2,024"),
        ("It was 3e9 units.", "3e9"),
    ],
)
def test_a_figure_that_no_source_has_fails(workspace: FolderWorkspace, sentence: str, figure: str) -> None:
    found = faults(workspace, f"All is well.\n\n{sentence}\n\nThe end.")
    if figure:
        assert len(found) == 1
        assert f"note.md: {figure!r} is in none of the sources (sums.csv, facts.json, brief.txt)" in found[0]


def test_the_fault_quotes_the_sentence_and_not_its_neighbours(workspace: FolderWorkspace) -> None:
    (fault,) = faults(workspace, "North has 42.5 units. South has 99.5 of them, 45.6 % more! East has none.")
    assert fault.endswith("it says “South has 99.5 of them, 45.6 % more!”")


def test_swapped_digits_and_wrong_rounding_fail(workspace: FolderWorkspace) -> None:
    assert faults(workspace, "North sold 1,234,576.")
    assert faults(workspace, "North sold 1,234,567.") != ()
    assert faults(workspace, "A share of 45.7 %.")
    assert faults(workspace, "A share of 45.61 %.") == ()


def test_ignored_figures_need_no_source(workspace: FolderWorkspace) -> None:
    assert faults(workspace, "With 95 % confidence, Boeing 737.", "95%", "737") == ()
    assert len(faults(workspace, "With 95 % confidence, Boeing 737.", "95")) == 2


def test_pages_and_plain_text_are_read_too(workspace: FolderWorkspace) -> None:
    page = "<style>a{width:99px}</style><h1>A</h1><p>It is <b>42.5</b>&nbsp;units</p><p>and 99.5</p>"
    assert len(faults(workspace, page, name="a.html")) == 1
    assert len(faults(workspace, "1) It is 42.5\n2) and 99.5\n", name="a.txt")) == 1


def test_cells_of_a_large_table_do_not_count_but_its_totals_do(workspace: FolderWorkspace) -> None:
    rows = "".join(f"{n},{n % 7}\n" for n in range(6000))
    workspace.write("large.csv", f"id,day\n{rows}".encode(), "")
    workspace.write("note.md", b"There are 6,000 rows, the last is 5,999; one is 4,321.", "")
    (fault,) = FiguresMatch().run(FiguresMatchInput(artifact="note.md", sources=("large.csv",)), workspace)
    assert "'4,321'" in fault


def test_records_in_json_have_totals_too(workspace: FolderWorkspace) -> None:
    workspace.write("r.json", json.dumps([{"a": 10.5}, {"a": 20.25}]).encode(), "")
    workspace.write("note.md", b"In all 30.75, on average 15.4.", "")
    assert FiguresMatch().run(FiguresMatchInput(artifact="note.md", sources=("r.json",)), workspace) == ()


@pytest.mark.parametrize(
    ("source", "content", "says"),
    [
        ("gone.csv", None, "there is no gone.csv"),
        ("a.csv", b"\x89PNG\0\xff", "cannot be read as a table"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b"{", "not valid JSON"),
        ("a.txt", b"\0\1", "binary"),
        ("a.xlsx", b"PK", "cannot be read as a table"),
    ],
)
def test_a_source_that_cannot_be_read_is_a_fault(
    workspace: FolderWorkspace, source: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        workspace.write(source, content, "")
    workspace.write("note.md", b"All 42.5 of it.", "")
    found = FiguresMatch().run(FiguresMatchInput(artifact="note.md", sources=(source,)), workspace)
    assert says in found[0]
    assert "'42.5' is in none" in found[1]


@pytest.mark.parametrize("content", [b"a\0b", b"\xff\xfe", None])
def test_an_artifact_that_is_no_text_is_a_fault(workspace: FolderWorkspace, content: bytes | None) -> None:
    if content is not None:
        workspace.write("x.md", content, "")
    assert len(FiguresMatch().run(FiguresMatchInput(artifact="x.md", sources=("sums.csv",)), workspace)) == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "1" * 10**6,
        "1,111" * 200_000,
        "12 " * 300_000,
        "a-" * 500_000,
        "99.5 " * 100_000,
        "1e99 " * 1000,
        "[1" * 300_000,
    ],
    ids=lambda text: text[:6],
)
def test_hostile_text_takes_no_long_time(workspace: FolderWorkspace, text: str) -> None:
    for name in ("a.md", "a.txt"):
        assert len(faults(workspace, text, name=name)) <= 20


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10-20 km and 10–20 km", [10, 20, 10, 20]),
        ("(-5.5) and −6.5 and +7.5", [-5.5, -6.5, 7.5]),
        ("12,5 and 1,234.5 and 12.5k", [12.5, 1234.5, 12500]),
        ("3.2 million, 4.5bn, 2 thousand", [3.2e6, 4.5e9, 2000]),
        ("1.5e3 and 2.5E-2", [1500, 0.025]),
        ("12.5 percent, 13 per cent, 14 percentage points", [12.5, 13, 14]),
        ("June 12, 2013 and 12 June, 2013-Q1, Q3 2013, 9:30 am, 12/31/2013", []),
        ("Boeing-737-800, x86, A320, 21st, 10.0.0.1", []),
        ("in 1999, 2013 and 2100 but 2101", [2101]),
        ("5, 7 and 0", []),
        ("1. first 11", [11]),
    ],
)
def test_reads_figures(text: str, values: list[float]) -> None:
    assert [figure.value for figure in claims_in(text)] == pytest.approx(values)


def test_all_figures_have_the_small_ones_and_years_too() -> None:
    assert [figure.value for figure in figures_in("in 2013, 5 of 12")] == [2013, 5, 12]
