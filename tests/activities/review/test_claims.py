import json
from pathlib import Path
from typing import Any

import pytest

from activities.review.claims import ClaimsHold, ClaimsHoldInput
from activities.review.report import ReportFigures, ReportFiguresInput
from tests.fakes.samples import sales, write_report
from tests.fakes.workspace import FolderWorkspace


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> FolderWorkspace:
    """A whole report about sales.csv; tests change copies of it only."""
    folder = tmp_path_factory.mktemp("report")
    workspace = FolderWorkspace(folder)
    workspace.write("sales.csv", sales(), "text/csv")
    write_report(workspace, title="Sales of 2022", objective="What moved prices in the 12 months of 2022?")
    return workspace


@pytest.fixture
def copy(reported: FolderWorkspace, tmp_path: Path) -> FolderWorkspace:
    workspace = FolderWorkspace(tmp_path)
    for name in ("sales.csv", "claims.json", "report.md", "report.html"):
        workspace.write(name, reported.read(name), "")
    return workspace


def faults(workspace: FolderWorkspace) -> tuple[str, ...]:
    return ClaimsHold().run(ClaimsHoldInput(claims="claims.json"), workspace)


def figure_faults(workspace: FolderWorkspace) -> tuple[str, ...]:
    return ReportFigures().run(ReportFiguresInput(), workspace)


def claims_of(workspace: FolderWorkspace) -> dict[str, Any]:
    return dict(json.loads(workspace.read("claims.json")))


def alter(workspace: FolderWorkspace, op: str, alone: bool = True, **changes: object) -> str:
    """Changes the first claim of the operation and returns its id. Other claims go if it is to be alone, for speed."""
    told = claims_of(workspace)
    claim = next(claim for claim in told["claims"] if claim["measure"]["op"] == op)
    claim |= changes
    told["claims"] = [claim] if alone else told["claims"]
    workspace.write("claims.json", json.dumps(told).encode(), "")
    return str(claim["id"])


def test_a_true_report_passes_both_checks(reported: FolderWorkspace) -> None:
    assert faults(reported) == ()
    assert figure_faults(reported) == ()


def test_the_claims_of_a_part_can_be_checked_alone(reported: FolderWorkspace) -> None:
    arguments = ClaimsHoldInput(claims="sales.csv-parts/groups.json")
    assert ClaimsHold().run(arguments, reported) == ()


def test_the_sample_has_every_kind_of_figure_that_it_should(reported: FolderWorkspace) -> None:
    ops = {claim["measure"]["op"] for claim in claims_of(reported)["claims"]}
    assert {
        "rows", "duplicates", "missing_share", "distinct", "mean", "median", "quantile", "max", "outliers",
        "group_highest", "group_mean", "correlation", "correlation_ratio", "period_highest", "period_mean",
        "period_correlation", "histogram", "group_means", "period_series", "grid",
    } <= ops  # fmt: skip


@pytest.mark.parametrize(
    ("op", "value"),
    [
        ("rows", 602), ("duplicates", 0), ("mean", 99.5), ("median", 20.0), ("missing_share", 0.25), ("distinct", 5),
        ("correlation", 0.5), ("correlation_ratio", 0.9), ("outliers", 17), ("group_highest", "south"),
        ("period_highest", "2022-02"), ("max", 1e6), ("top_value", "nobody"),
    ],
)  # fmt: skip
def test_catches_an_altered_value(copy: FolderWorkspace, op: str, value: object) -> None:
    claim = alter(copy, op, value=value)
    assert any(fault.startswith(f"{claim}: ") and "the source says" in fault for fault in faults(copy))


@pytest.mark.parametrize(("op", "display"), [("rows", "9"), ("mean", "1"), ("missing_share", "33.4 %"), ("mean", "x")])
def test_catches_an_altered_display(copy: FolderWorkspace, op: str, display: str) -> None:
    claim = alter(copy, op, display=display)
    assert any(fault.startswith(f"{claim}: the report shows {display!r}") for fault in faults(copy))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 1 FROM source LIMIT 1", "its query gives 1"),
        ("SELECT 601", "is not one SELECT over the source"),
        ("SELECT count(*) FROM source; SELECT 1", "is not one SELECT over the source"),
        ("DROP VIEW source", "is not one SELECT over the source"),
        ("SELECT * FROM source, read_csv('/etc/passwd')", "its query fails: Permission Error"),
    ],
)
def test_catches_an_altered_query(copy: FolderWorkspace, query: str, says: str) -> None:
    claim = alter(copy, "rows", query=query)
    assert any(fault.startswith(claim) and says in fault for fault in faults(copy))


@pytest.mark.parametrize("op", ["histogram", "group_means", "period_series", "grid", "value_counts"])
def test_catches_an_altered_point_of_a_chart(copy: FolderWorkspace, op: str) -> None:
    points = next(c["value"] for c in claims_of(copy)["claims"] if c["measure"]["op"] == op)
    points[1][1] += 1
    claim = alter(copy, op, value=points)
    assert any(fault.startswith(f"{claim}: the chart has the point") for fault in faults(copy))


def test_catches_a_point_left_out_of_a_chart(copy: FolderWorkspace) -> None:
    points = next(c["value"] for c in claims_of(copy)["claims"] if c["measure"]["op"] == "group_means")
    claim = alter(copy, "group_means", value=points[1:])
    assert any(
        fault.startswith(f"{claim}: the chart has {len(points) - 1} points, the source gives") for fault in faults(copy)
    )


def test_catches_a_source_that_has_changed(copy: FolderWorkspace) -> None:
    copy.write("sales.csv", sales().replace(b"north", b"norte", 1), "")
    assert faults(copy) == ("sales.csv is not the file that the claims were made from: its SHA-256 differs",)


def test_catches_a_kind_that_the_cells_do_not_have(copy: FolderWorkspace) -> None:
    told = claims_of(copy)
    told["sources"][0]["columns"][2]["kind"] = "number"
    copy.write("claims.json", json.dumps(told).encode(), "")
    assert "cells of 'shop' are not of the kind number" in faults(copy)[0]


def test_names_what_is_no_list_of_claims(copy: FolderWorkspace) -> None:
    copy.write("claims.json", b'{"claims": 1}', "")
    assert "is not a list of claims" in faults(copy)[0]
    assert "is not a list of claims" in figure_faults(copy)[0]


def test_reports_a_bounded_number_of_faults(copy: FolderWorkspace) -> None:
    told = claims_of(copy)
    for claim in told["claims"]:
        claim["query"] = "SELECT 1"
    copy.write("claims.json", json.dumps(told).encode(), "")
    assert len(faults(copy)) == 20


def replace(workspace: FolderWorkspace, name: str, old: str, new: str) -> None:
    text = workspace.read(name).decode()
    assert old in text
    workspace.write(name, text.replace(old, new, 1).encode(), "")


def test_catches_a_number_changed_in_the_text(copy: FolderWorkspace) -> None:
    replace(copy, "report.md", "has 601 rows", "has 609 rows")
    assert figure_faults(copy) == ("report.md says '609', which is not a figure of any claim",)


def test_catches_a_figure_put_in_the_place_of_another(copy: FolderWorkspace) -> None:
    replace(copy, "report.md", "has 601 rows", "has 200 rows")
    replace(copy, "report.md", "| 33.3 % |", "| 0 % |")
    assert "where report.html has" in figure_faults(copy)[0]


def test_catches_a_number_added_to_the_text(copy: FolderWorkspace) -> None:
    replace(copy, "report.md", "## At a glance\n", "## At a glance\n\nProfit rose by 12.5 %.\n")
    assert "report.md says '12.5 %', which is not a figure of any claim" in figure_faults(copy)


def test_catches_a_number_changed_in_the_page(copy: FolderWorkspace) -> None:
    replace(copy, "report.html", ">601</a>", ">609</a>")
    assert any("report.html shows '609'" in fault and "says '601'" in fault for fault in figure_faults(copy))


def test_catches_a_number_without_a_claim_in_the_page(copy: FolderWorkspace) -> None:
    replace(copy, "report.html", "<h2>At a glance</h2>", "<h2>At a glance</h2><p>Profit rose by 12.5 %.</p>")
    assert "report.html shows '12.5 %', which is not a figure of any claim" in figure_faults(copy)


def test_catches_a_script_in_the_page(copy: FolderWorkspace) -> None:
    replace(copy, "report.html", "</main>", "<script>alert(1)</script></main>")
    assert any("can run or fetch" in fault for fault in figure_faults(copy))


def test_catches_a_query_that_the_page_does_not_list(copy: FolderWorkspace) -> None:
    identifier = claims_of(copy)["claims"][0]["id"]
    replace(copy, "report.html", f'<pre id="claim-{identifier}">', "<pre>")
    assert any(f"does not list the query of {identifier}" in fault for fault in figure_faults(copy))


def test_report_and_claims_changed_alike_still_disagree_with_the_source(copy: FolderWorkspace) -> None:
    claim = alter(copy, "rows", alone=False, value=609, display="609")
    replace(copy, "report.md", "has 601 rows", "has 609 rows")
    for name in ("report.md", "report.html"):
        text = copy.read(name).decode()
        copy.write(name, text.replace(">601<", ">609<").replace(" 601 ", " 609 ").encode(), "")
    assert figure_faults(copy) == ()
    assert any(fault.startswith(f"{claim}: the report's value is 609, the source says 601") for fault in faults(copy))
