"""chart.render: the charts of findings, or a Vega-Lite specification of one's own, as SVG and PNG."""

import json
import re
from typing import Any

from pydantic import Field, ValidationError, model_validator

from activities.tools.data.finding import Findings
from activities.tools.data.study import points
from activities.tools.tool import Effect, Tool, ToolError, ToolInput, ToolResult, Workspace

_PNG_SCALE = 2.0
_MOST_BYTES = 2_000_000  # of a specification with its data


class ChartInput(ToolInput):
    findings: str = Field(default="", description="an artifact of data.findings; its charts go to <prefix>/<chart>.svg")
    prefix: str = "charts"
    spec: dict[str, Any] | None = Field(default=None, description="a Vega-Lite specification, instead of findings")
    data: str = Field(default="", description="a JSON artifact, a list of records, that the specification draws")
    artifact: str = Field(default="chart", description="where the drawing of `spec` goes, without .svg or .png")

    @model_validator(mode="after")
    def _one_of_two(self) -> "ChartInput":
        if bool(self.findings) == (self.spec is not None):
            raise ValueError("give either findings, or spec")
        return self


class ChartRender(Tool):
    name = "chart.render"
    description = "Draws charts from inline data only, as SVG and PNG: those of findings, or a Vega-Lite specification."
    input_model = ChartInput

    effect = Effect.WRITE

    def run(self, arguments: ToolInput, workspace: Workspace) -> ToolResult:
        assert isinstance(arguments, ChartInput)
        if arguments.spec is not None:
            _draw(_own_spec(arguments, workspace), arguments.artifact, workspace)
            return ToolResult(summary=f"drew {arguments.artifact}.svg and .png")
        return _draw_all(arguments, workspace)


def _draw_all(arguments: ChartInput, workspace: Workspace) -> ToolResult:
    from activities.tools.data.specs import spec_of  # here, because Altair takes long and no command needs it

    try:
        findings = Findings.model_validate_json(workspace.read(arguments.findings))
    except ValidationError as error:
        raise ToolError(f"{arguments.findings} does not hold findings; make it with data.findings") from error
    claims = {claim.id: claim for claim in findings.claims}
    for number, chart in enumerate(findings.charts):
        workspace.progress(number / len(findings.charts), chart.title)
        if chart.claim not in claims:
            raise ToolError(f"the chart {chart.id} draws {chart.claim!r}, which is no claim of {arguments.findings}")
        _draw(spec_of(chart, points(claims[chart.claim])), f"{arguments.prefix}/{chart.id}", workspace)
    return ToolResult(summary=f"drew {len(findings.charts)} charts of {findings.file}, {findings.aspect}")


def _own_spec(arguments: ChartInput, workspace: Workspace) -> dict[str, Any]:
    spec = dict(arguments.spec or {})
    if arguments.data:
        spec["data"] = {"values": _records(arguments.data, workspace)}
    if len(json.dumps(spec)) > _MOST_BYTES:
        raise ToolError(
            f"the specification with its data is larger than {_MOST_BYTES:,} bytes; aggregate the data first"
        )
    _require_inline(spec)
    return spec


def _records(name: str, workspace: Workspace) -> list[object]:
    try:
        records = json.loads(workspace.read(name))
    except ValueError as error:
        raise ToolError(f"{name} is not JSON; data.query writes JSON when its artifact ends in .json") from error
    if not isinstance(records, list):
        raise ToolError(f"{name} is not a list of records")
    return records


def _require_inline(node: object) -> None:
    """Refuses every `url`, so that nothing is fetched, and `href`, so that a drawing links nowhere."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("url", "href") or (key == "mark" and _kind_of(value) in ("image", "geoshape")):
                raise ToolError(
                    f"the specification uses {key!r}: charts draw inline data only, without links or images"
                )
            if key != "values":
                _require_inline(value)
    elif isinstance(node, list):
        for value in node:
            _require_inline(value)


def _kind_of(mark: object) -> object:
    return mark.get("type") if isinstance(mark, dict) else mark


def _draw(spec: dict[str, Any], name: str, workspace: Workspace) -> None:
    import vl_convert  # 50 MB of native code: here, so that only what draws carries it

    try:
        svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
        png = vl_convert.svg_to_png(svg, scale=_PNG_SCALE)
    except ValueError as error:
        raise ToolError(f"the chart {name} cannot be drawn: {str(error).splitlines()[0][:300]}") from error
    workspace.write(f"{name}.svg", _without_controls(svg).encode(), "image/svg+xml")
    workspace.write(f"{name}.png", png, "image/png")


def _without_controls(svg: str) -> str:
    """Control characters out of data are no XML."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", svg)
