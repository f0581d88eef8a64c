"""Vega-Lite specifications, by Altair, for the forms of chart that findings ask for."""

from collections.abc import Callable
from typing import Any

import altair as alt

from activities.tools.data.claim import Cell
from activities.tools.data.finding import Chart, Form
from activities.tools.data.headers import cleaned

Rows = tuple[tuple[Cell, ...], ...]
Drawing = Any  # Altair says Any where it does not say one of eight kinds of chart

INK, SOFT, GRID, ACCENT, FONT = "#24292f", "#57606a", "#e6e9ed", "#2f6f9f", "Helvetica, Arial, sans-serif"
_WIDTH = 560
_LABEL = 28  # characters
_BAR = 19  # pixels a bar


def spec_of(chart: Chart, rows: Rows) -> dict[str, Any]:
    """`rows` are those of the chart's claim. Data lies inline; nothing is fetched."""
    drawing = _DRAWINGS[chart.form](chart, rows).properties(title=cleaned(chart.title, 90))
    spec: dict[str, Any] = _styled(drawing).to_dict(validate=False)
    return spec


def _bars(chart: Chart, rows: Rows) -> Drawing:
    values = [{"name": _label(row[0]), "value": row[-1]} for row in rows]
    format_ = _percent(values) if chart.percent else "~s" if _large(values) else ",~r"
    drawing = alt.Chart(_data(values)).mark_bar(color=ACCENT)
    return drawing.encode(
        x=alt.X("value:Q", title=_title(chart.x_title), axis=alt.Axis(format=format_, tickCount=6)),
        y=alt.Y("name:N", title=_title(chart.y_title if chart.y_title != "rows" else ""), sort=_by_value(values)),
    ).properties(width=_WIDTH - 120, height=_BAR * len(values))


def _columns(chart: Chart, rows: Rows) -> Drawing:
    values = [{"name": _label(row[0]), "value": row[-1]} for row in sorted(rows, key=lambda row: _natural(row[0]))]
    drawing = alt.Chart(_data(values)).mark_bar(color=ACCENT)
    return drawing.encode(
        x=alt.X("name:N", title=_title(chart.x_title), sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("value:Q", title=_title(chart.y_title), axis=alt.Axis(tickCount=5)),
    ).properties(width=_WIDTH, height=230)


def _histogram(chart: Chart, rows: Rows) -> Drawing:
    values = [{"low": low, "high": high, "rows": n} for low, high, n in rows]
    drawing = alt.Chart(_data(values)).mark_bar(color=ACCENT, binSpacing=1)
    return drawing.encode(
        x=alt.X("low:Q", bin="binned", title=_title(chart.x_title), axis=alt.Axis(tickCount=8)),
        x2="high:Q",
        y=alt.Y("rows:Q", title=_title(chart.y_title), axis=alt.Axis(format="~s", tickCount=5)),
    ).properties(width=_WIDTH, height=200)


def _line(chart: Chart, rows: Rows) -> Drawing:
    values = [{"name": str(name), "value": n if mean is None else mean} for name, n, mean in rows]
    drawing = alt.Chart(_data(values)).mark_line(color=ACCENT, point=len(values) <= 40, strokeWidth=2)
    return drawing.encode(
        x=alt.X("name:O", title=_title(chart.x_title), axis=alt.Axis(labelAngle=-40, labelOverlap=True)),
        y=alt.Y("value:Q", title=_title(chart.y_title), scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
    ).properties(width=_WIDTH, height=220)


def _grid(chart: Chart, rows: Rows) -> Drawing:
    values = [{"x": a, "x2": b, "y": c, "y2": d, "rows": n} for a, b, c, d, n in rows]
    drawing = alt.Chart(_data(values)).mark_rect()
    return drawing.encode(
        x=alt.X("x:Q", bin="binned", title=_title(chart.x_title), axis=alt.Axis(tickCount=8)),
        x2="x2:Q",
        y=alt.Y("y:Q", bin="binned", title=_title(chart.y_title), axis=alt.Axis(tickCount=7)),
        y2="y2:Q",
        color=alt.Color("rows:Q", title="rows", scale=alt.Scale(scheme="blues", type="symlog")),
    ).properties(width=_WIDTH - 90, height=300)


def _matrix(chart: Chart, rows: Rows) -> Drawing:
    del chart
    names = list(dict.fromkeys(_label(row[0]) for row in rows))
    values = [{"a": _label(a), "b": _label(b), "r": r, "shown": "" if r is None else f"{r:.2f}"} for a, b, r in rows]
    side = 44 * len(names)
    square = alt.Chart(_data(values)).encode(
        x=alt.X("a:N", title=None, sort=names, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("b:N", title=None, sort=names),
    )
    filled = square.mark_rect().encode(
        color=alt.Color("r:Q", title="r", scale=alt.Scale(scheme="blueorange", domain=[-1, 1], reverse=True))
    )
    text = square.mark_text(fontSize=10).encode(
        text="shown:N", color=alt.condition("abs(datum.r) > 0.7", alt.value("white"), alt.value(INK))
    )
    return alt.layer(filled, text).properties(width=side, height=side)


def _styled(drawing: Drawing) -> Drawing:
    return (
        drawing.configure(background="white", font=FONT, padding=12)
        .configure_view(stroke=None)
        .configure_title(anchor="start", fontSize=15, fontWeight=600, color=INK, offset=12)
        .configure_axis(
            labelColor=SOFT, titleColor=SOFT, titleFontWeight="normal", titleFontSize=12, labelFontSize=11,
            gridColor=GRID, domainColor=GRID, tickColor=GRID, titlePadding=8, labelLimit=220, titleLimit=400,
        )
        .configure_axisBand(grid=False)
        .configure_legend(labelColor=SOFT, titleColor=SOFT, titleFontWeight="normal", gradientLength=120)
    )  # fmt: skip


def _data(values: list[dict[str, Cell]]) -> alt.InlineData:
    return alt.InlineData(values=values)


def _label(value: Cell) -> str:
    return cleaned(str(value), _LABEL) or "(blank)"


def _title(text: str) -> str | None:
    return cleaned(text, 60) or None


def _by_value(values: list[dict[str, Cell]]) -> list[str]:
    ordered = sorted(values, key=lambda row: (-float(row["value"] or 0), str(row["name"])))
    return [str(row["name"]) for row in ordered]


def _large(values: list[dict[str, Cell]]) -> bool:
    return max((abs(float(row["value"] or 0)) for row in values), default=0) >= 10_000


def _percent(values: list[dict[str, Cell]]) -> str:
    return ".0%" if max((float(row["value"] or 0) for row in values), default=0) > 0.1 else ".1%"


def _natural(value: Cell) -> tuple[float, str]:
    try:
        return (float(str(value)), "")
    except ValueError:
        return (float("inf"), str(value))


_DRAWINGS: dict[Form, Callable[[Chart, Rows], Drawing]] = {
    Form.BARS: _bars,
    Form.COLUMNS: _columns,
    Form.HISTOGRAM: _histogram,
    Form.LINE: _line,
    Form.GRID: _grid,
    Form.MATRIX: _matrix,
}
