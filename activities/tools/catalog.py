"""The tools that a step can call by name."""

from activities.tools.charts import ChartRender
from activities.tools.data.tools import DataFindings, DataProfile, DataQuery
from activities.tools.documents import DocumentRender
from activities.tools.files import FileList, FileRead, FileWrite
from activities.tools.tool import Tool

TOOLS: tuple[type[Tool], ...] = (
    DataProfile,
    DataFindings,
    DataQuery,
    ChartRender,
    DocumentRender,
    FileList,
    FileRead,
    FileWrite,
)
