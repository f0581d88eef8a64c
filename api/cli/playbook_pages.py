"""`botted playbooks` and `botted playbooks show`."""

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from activities.catalogue import catalogue
from activities.playbooks import library
from activities.playbooks.compiler import check_playbook
from activities.playbooks.document import Document, PlaybookError
from activities.playbooks.schema import TaskSpec
from api.cli.errors import BadInput


def list_playbooks() -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("playbook", "version", "files", "what it does"):
        table.add_column(heading)
    for document in library.built_in():
        playbook = document.playbook
        table.add_row(playbook.name, playbook.version, _files(document), escape(playbook.description.strip()))
    Console(highlight=False).print(table)
    click.echo("\nbotted playbooks show NAME    its inputs and tasks; a path to a YAML file of your own works too")


def show(name_or_path: str) -> None:
    try:
        document, _ = library.find(name_or_path)
        check_playbook(document, catalogue())
    except PlaybookError as error:
        raise BadInput(*error.faults) from error
    playbook = document.playbook
    console = Console(highlight=False)
    console.print(f"[bold]{playbook.name}[/] {playbook.version}\n{escape(playbook.description.strip())}\n")
    console.print(f"files: {_files(document)}")
    if playbook.inputs:
        console.print(_inputs(document))
    graph = Tree("tasks", hide_root=False)
    for spec in playbook.tasks:
        _add(graph, spec)
    console.print(graph)


def _files(document: Document) -> str:
    spec = document.playbook.files
    what = "tabular" if spec.kind == "tables" else "any"
    return f"{spec.min} to {spec.max} {what}" if spec.max else "none"


def _inputs(document: Document) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", title="inputs", title_justify="left")
    for heading in ("name", "type", "default", "what it is"):
        table.add_column(heading)
    for name, spec in document.playbook.inputs.items():
        default = "must be given" if spec.required else str(spec.default)
        kind = " | ".join(map(str, spec.choices)) or str(spec.type)
        table.add_row(f"--input {name}=…", kind, default, escape(spec.description))
    return table


def _add(graph: Tree, spec: TaskSpec) -> None:
    needs = f"  [dim]needs {escape(', '.join(spec.needs))}[/]" if spec.needs else ""
    branch = graph.add(f"[bold]{escape(spec.id)}[/]  {escape(spec.title)}{needs}")
    for variable, values in spec.for_each.items():
        branch.add(f"[dim]for each {variable} in {escape(str(values))}[/]")
    if spec.when is not True:
        branch.add(f"[dim]when {escape(str(spec.when))}[/]")
    for step in spec.steps:
        branch.add(f"step {escape(step.tool)}" + (f"  {escape(step.title)}" if step.title else ""))
    for check in spec.checks:
        branch.add(f"check {escape(check.check)}")
    for name in spec.deliverables:
        branch.add(f"delivers {escape(name)}")
