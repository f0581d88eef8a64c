"""Small tables with something to find in them, and a whole report about one, as the playbook makes it."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import date, timedelta

from activities.tools.charts import ChartInput, ChartRender
from activities.tools.data.finding import Aspect
from activities.tools.data.tools import DataFindings, FindingsInput
from activities.tools.documents import DocumentInput, DocumentRender
from tests.fakes.workspace import FolderWorkspace

_SHOPS = ("north", "south", "east", "west")


def sales(rows: int = 600) -> bytes:
    """Prices rise over time, differ by shop and follow the weight; some notes are missing; one row comes twice."""
    table: list[list[object]] = [["id", "day", "shop", "weight", "price", "note"]]
    for i in range(rows):
        shop = _SHOPS[i * 7919 % 13 % 4]
        weight = round(10 + 3 * math.sin(i * 1.7) + i % 5, 2)
        price = round(2 * weight + 5 * _SHOPS.index(shop) + i / 50 + math.cos(i * 3.1), 3)
        day = date(2022, 1, 1) + timedelta(days=i)
        table.append([i, day.isoformat(), shop, weight, price, "NA" if i % 3 == 0 else f"note {i % 11}"])
    table.append(table[-1])
    return as_csv(table)


def as_csv(table: Sequence[Sequence[object]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(table)
    return stream.getvalue().encode()


def write_report(
    workspace: FolderWorkspace, file: str = "sales.csv", title: str = "Sales", objective: str = ""
) -> None:
    """All aspects of sales.csv with their charts, and report.md, report.html and claims.json."""
    file = "sales.csv"
    parts = tuple(f"{file}-parts/{aspect}.json" for aspect in Aspect)
    for aspect, part in zip(Aspect, parts, strict=True):
        DataFindings().run(FindingsInput(file=file, aspect=aspect, artifact=part), workspace)
        ChartRender().run(ChartInput(findings=part, prefix=f"{file}-parts/charts"), workspace)
    DocumentRender().run(
        DocumentInput(template="data-report", title=title, objective=objective, parts=parts), workspace
    )
