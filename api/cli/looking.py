"""`botted list` and `botted show`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.store import journal
from activities.store.objectives import ObjectiveRow
from api.cli import settings
from api.cli.console import tree
from api.cli.costs import bill
from api.cli.export import export
from api.cli.progress_lines import whole
from api.cli.questions import how, open_questions, wanted
from api.cli.session import open_session
from api.cli.summary import as_json as summary_json
from api.cli.summary import closing_lines
from api.services.view import ObjectiveView
from workflows.domain.approval import Approval


def list_objectives(limit: int, *, as_json: bool) -> None:
    with open_session(settings.load(), _progress) as session:
        rows = session.objectives.newest(limit)
    if as_json:
        click.echo(json.dumps([_brief(row) for row in rows], ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo('nothing was asked for yet; begin with: botted run "…" --file data.csv')
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("id", "stage", "asked", "took", "objective"):
        table.add_column(heading, no_wrap=heading != "objective", overflow="ellipsis")
    for row in rows:
        took = f"{(row.ended_at - row.created_at).total_seconds():.0f} s" if row.ended_at else ""
        asked = row.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(row.request.id, str(row.stage).replace("_", " "), asked, took, escape(row.request.text[:200]))
    Console(highlight=False).print(table)


def show(asked: str, *, whole_journal: bool, out: Path | None, as_json: bool) -> None:
    with open_session(settings.load(), _progress) as session:
        row = session.objective(asked)
        view = ObjectiveView(row.request.id)
        with session.engine.connect() as connection:
            rows = journal.read(connection, view.id)
        view.take(rows)
        deliverables = row.result.deliverables if row.result else ()
        written = export(session.artifacts, deliverables, out.absolute()) if out else ()
        used = bill(session, view.id, row.request.budget.usd)
        if as_json:
            click.echo(summary_json(view, row, written, session.web_ui(view.id), used))
            return
        console = Console(highlight=False)
        console.print(f"[bold]{escape(row.request.text)}[/]\n[dim]{view.id}  {escape(view.plan)}[/]")
        if whole_journal:
            for entry in rows:
                line = " ".join(whole(entry, view).split())
                console.print(f"{entry.at.astimezone():%H:%M:%S}  {escape(line)}", soft_wrap=True)
        console.print(tree(view, rows=10_000, waits=False))
        if view.stage.ended:
            for line in closing_lines(view, row, written, session, used):
                console.print(line, soft_wrap=True)
            if deliverables and not out:
                names = ", ".join(ref.name for ref in deliverables[:10])
                console.print(f"  deliverables: {escape(names)}  (botted show {view.id} --out DIR writes them)")
            return
        for question in open_questions(session, view.id):
            console.print(f"  {escape(_waits(question))}\n    {escape(how(question))}", soft_wrap=True)
        if used.line:
            console.print(f"  {used.line}", soft_wrap=True)
        if session.web_ui(view.id):
            console.print(f"  history: {session.web_ui(view.id)}", soft_wrap=True)


def _waits(question: Approval) -> str:
    until = f" until {question.deadline.astimezone():%Y-%m-%d %H:%M}" if question.deadline else ""
    who = f", of {', '.join(question.deciders)}" if question.deciders else ""
    return f"waits{until} for {wanted(question.subject, question.text)}{who}"


def _brief(row: ObjectiveRow) -> dict[str, object]:
    return {
        "id": row.request.id,
        "objective": row.request.text,
        "stage": str(row.stage),
        "asked_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "seconds": ((row.ended_at or datetime.now(UTC)) - row.created_at).total_seconds(),
    }


def _progress(text: str) -> None:
    click.secho(text, dim=True, err=True)
