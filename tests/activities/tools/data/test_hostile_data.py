import json
import re
from html.parser import HTMLParser
from pathlib import Path

from activities.review.claims import ClaimsHold, ClaimsHoldInput
from activities.review.report import ReportFigures, ReportFiguresInput
from activities.tools.documents import DocumentInput, DocumentRender
from tests.fakes.samples import as_csv, write_report
from tests.fakes.workspace import FolderWorkspace

_HEADERS: list[object] = [
    "<script>alert(1)</script>",
    'a"; DROP TABLE source; --',
    "`code` | *bold* [x](javascript:alert(1))",
    "x" * 600,
    "名前\n二行",
    "",
    "{c} {} {{ 7 * 7 }} 'quoted'",
    "dup",
    "DUP",
]
_NAMES = ("<img src=x onerror=alert(1)>", "`| </code> 12.5 |`", "a\u0007\u202eb", "O'Neil; --", "## 99 %")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes.update(name for name, _ in attrs)


def hostile(rows: int = 300) -> bytes:
    table: list[list[object]] = [_HEADERS]
    for i in range(rows):
        name = _NAMES[i % 5]
        table.append(
            [
                name,
                i * i % 97,
                i % 5 * 10 + i % 7,
                _NAMES[i % 3],
                i / 7,
                name,
                i % 13,
                i % 2 - 0.5,
                f"2024-01-{i % 28 + 1:02}",
            ]
        )
    return as_csv(table)


def test_a_report_about_hostile_data_holds_and_has_no_foreign_structure(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("sales.csv", hostile(), "text/csv")
    write_report(workspace, title="<b>T</b> *1*", objective="Why?\n\n## 12 % <script>alert(1)</script>\n> quoted")
    assert ClaimsHold().run(ClaimsHoldInput(claims="claims.json"), workspace) == ()
    assert ReportFigures().run(ReportFiguresInput(), workspace) == ()

    page, tags = workspace.read("report.html").decode(), Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "b", "iframe", "object", "link", "form"}
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "\u0007" not in page
    assert "\u202e" not in page
    assert len(json.loads(workspace.read("claims.json"))["sources"][0]["columns"]) == len(_HEADERS)


def test_markdown_of_hostile_data_makes_no_html_links_or_headings(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("sales.csv", hostile(), "text/csv")
    write_report(workspace)
    DocumentRender().run(DocumentInput(markdown="report.md", artifact="again.html"), workspace)
    page, tags = workspace.read("again.html").decode(), Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "b", "a", "strong"}
    assert re.findall(r"<h[12]>(.*?)</h[12]>", page) == [
        "Sales",
        "At a glance",
        "<code>sales.csv</code>",
        "How each figure was computed",
    ]


def test_the_page_lets_nothing_in_and_runs_nothing(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("sales.csv", hostile(), "text/csv")
    write_report(workspace)
    page = workspace.read("report.html").decode()
    assert "default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-" in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page


def test_markdown_becomes_a_page_without_its_html(tmp_path: Path) -> None:
    workspace = FolderWorkspace(tmp_path)
    workspace.write("chart.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    text = "# Hi\n\n<script>x</script> [a](javascript:x) ![c](chart.svg) ![far](https://a.example/x.png)\n\n|a|b|\n|-|-|\n|1|2|\n"
    workspace.write("a.md", text.encode(), "text/markdown")
    DocumentRender().run(DocumentInput(markdown="a.md", artifact="a.html"), workspace)
    page, tags = workspace.read("a.html").decode(), Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert 'href="javascript' not in page
    assert '<img alt="c" src="data:image/svg+xml;base64,' in page
    assert "https://a.example" not in page
    assert "<td>1</td>" in page
