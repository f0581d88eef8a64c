import math
import resource
from pathlib import Path

import pytest

from activities.tools.data.analysis import findings_of, slug_of
from activities.tools.data.finding import Aspect, Findings
from activities.tools.data.tools import DataFindings, FindingsInput
from activities.tools.tool import ToolCancelled
from tests.fakes.samples import as_csv, sales, write_report
from tests.fakes.workspace import FolderWorkspace


def look(folder: Path, content: bytes, aspect: Aspect, name: str = "t.csv") -> tuple[str, Findings]:
    """The words of all findings, labels in back-quotes and figures as they are shown."""
    workspace = FolderWorkspace(folder)
    workspace.write(name, content, "text/csv")
    found = findings_of(workspace.path(name), name, aspect, workspace)
    shown = {claim.id: claim.display for claim in found.claims}
    pieces = (piece for finding in found.findings for piece in (*finding.sentence, *finding.more))
    words = "".join(piece.text or (shown[piece.claim] if piece.claim else f"`{piece.label}`") for piece in pieces)
    return words, found


def test_tells_size_and_period(tmp_path: Path) -> None:
    words, _ = look(tmp_path, sales(), Aspect.OVERVIEW)
    assert "`t.csv` has 601 rows and 6 columns." in words
    assert "By `day`, it covers 2022-01-01 to 2023-08-23." in words


def test_tells_gaps_and_repeated_rows(tmp_path: Path) -> None:
    words, _ = look(tmp_path, sales(), Aspect.QUALITY)
    assert "Most is missing in `note`: 33.3 % of its cells." in words
    assert "1 row repeats an earlier row in every column." in words


def test_tells_columns_that_are_missing_together_constant_or_nearly_numbers(tmp_path: Path) -> None:
    rows: list[list[object]] = [["a", "b", "same", "odd", "void"]]
    rows += [
        ["" if i % 4 == 0 else i % 3, "" if i % 4 == 0 else i, "x", "n.a." if i == 50 else i * 1.5, ""]
        for i in range(100)
    ]
    words, _ = look(tmp_path, as_csv(rows), Aspect.QUALITY)
    assert "`a` and `b` are missing in the same 25 rows" in words
    assert "`same` has one value throughout" in words
    assert "`void` is empty in every row" in words
    assert "99 % of the cells of `odd` are numbers" in words


def test_does_not_average_identifiers_codes_or_times_of_day(tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", "flight", "departed", "price"]]
    rows += [[i, 100 + i % 90, i % 24 * 100 + i % 60, 10 + math.sin(i)] for i in range(2000)]
    words, found = look(tmp_path, as_csv(rows), Aspect.DISTRIBUTIONS)
    assert "`price`" in words
    assert {claim.measure.column for claim in found.claims} == {"price"}


def test_compares_the_groups_that_differ(tmp_path: Path) -> None:
    words, _ = look(tmp_path, sales(), Aspect.GROUPS)
    assert "By `shop`, the average `price` is highest for west" in words


def test_says_that_no_group_differs(tmp_path: Path) -> None:
    rows: list[list[object]] = [["shop", "price"], *[["ab"[i % 2], i // 2 % 50 + 0.5] for i in range(1000)]]
    words, found = look(tmp_path, as_csv(rows), Aspect.GROUPS)
    assert words == "No average of a quantity differs notably between the values of a category."
    assert found.claims == ()


def test_calls_a_steady_rise_a_rise_and_noise_none(tmp_path: Path) -> None:
    words, _ = look(tmp_path, sales(), Aspect.TRENDS)
    assert "The monthly average of `price`" in words
    assert "It rises over the whole time" in words
    assert "`weight` stays about level" in words


def test_leaves_out_a_last_period_that_is_hardly_begun(tmp_path: Path) -> None:
    rows: list[list[object]] = [["day", "x"], *[[f"2022-{i % 12 + 1:02}-{i % 28 + 1:02}", i % 12] for i in range(1200)]]
    words, found = look(tmp_path, as_csv([*rows, ["2023-01-01", 999]]), Aspect.TRENDS)
    assert "left out" in words
    series = next(claim for claim in found.claims if claim.measure.op == "period_series")
    assert "2022-12" in str(series.value)
    assert "2023-01" not in str(series.value)


def test_finds_associations_and_only_those(tmp_path: Path) -> None:
    words, _ = look(tmp_path, sales(), Aspect.ASSOCIATIONS)
    assert "`weight` and `price`" in words
    independent: list[list[str] | list[float]] = [["x", "y"], *[[i % 50 + 0.5, i // 50 + 0.5] for i in range(2500)]]
    words, _ = look(tmp_path, as_csv(independent), Aspect.ASSOCIATIONS)
    assert words == "No two columns are more than weakly associated."


def test_says_that_two_columns_carry_the_same(tmp_path: Path) -> None:
    rows: list[list[str] | list[float]] = [["metres", "feet"]]
    rows += [[i * 1.7 % 83, i * 1.7 % 83 * 3.28084] for i in range(500)]
    words, _ = look(tmp_path, as_csv(rows), Aspect.ASSOCIATIONS)
    assert "carry the same information (correlation 1)" in words


def test_counts_values_beyond_the_fences(tmp_path: Path) -> None:
    rows: list[list[str] | list[float]] = [["x"], *[[i % 20 + 0.5] for i in range(200)], [1000.5], [-900.5]]
    words, _ = look(tmp_path, as_csv(rows), Aspect.OUTLIERS)
    assert "`x` has the most values far out: 2, or 1 % of all." in words


@pytest.mark.parametrize("aspect", list(Aspect))
def test_survives_a_table_with_one_row(tmp_path: Path, aspect: Aspect) -> None:
    words, _ = look(tmp_path, b"a,b,c,d\n1,x,2024-01-01,\n", aspect)
    assert words


@pytest.mark.parametrize("aspect", [Aspect.OVERVIEW, Aspect.ASSOCIATIONS])
def test_survives_a_wide_table(tmp_path: Path, aspect: Aspect) -> None:
    rows: list[list[object]] = [[f"c{i}" for i in range(150)]]
    rows += [[i * j % 101 / 3 for j in range(150)] for i in range(40)]
    _, found = look(tmp_path, as_csv(rows), aspect)
    assert len(found.claims) < 400


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    runs = [FolderWorkspace(tmp_path / "a"), FolderWorkspace(tmp_path / "b")]
    for workspace in runs:
        workspace.write("sales.csv", sales(5_000), "text/csv")
        write_report(workspace)
    first, second = ({name: ref.sha256 for name, ref in workspace.written.items()} for workspace in runs)
    assert len(first) > 20
    assert first == second


def test_stops_when_the_step_is_cancelled(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("sales.csv", sales(), "text/csv")
    workspace.cancelled = True
    with pytest.raises(ToolCancelled):
        DataFindings().run(FindingsInput(file="sales.csv", aspect=Aspect.OVERVIEW, artifact="a.json"), workspace)


def test_two_hundred_thousand_rows_need_little_memory(tmp_path: Path) -> None:
    body = "".join(f"{i},{i % 977 / 7},{'abcd'[i % 4]},customer {i * 7919 % 90001}\n" for i in range(200_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    look(tmp_path, b"id,x,group,customer\n" + body.encode(), Aspect.QUALITY)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024


def test_names_that_differ_give_slugs_that_differ() -> None:
    names = ["a b.csv", "a-b.csv", "A-B.csv", "a_b.csv", "名.csv", "前.csv", "flights.csv", "x/flights.csv"]
    assert len({slug_of(name) for name in names}) == len(names)
    assert slug_of("flights.csv") == "flights-csv"
