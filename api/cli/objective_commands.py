"""The commands about objectives: asking for one, looking at it, deciding on it, paying for it."""

import sys
from decimal import Decimal
from pathlib import Path

import click
from typing_extensions import override

from api.cli.amounts import COUNT, USD


class PlanSource(click.ParamType[str | Path]):
    """Who plans, or the path of a plan that is there already."""

    name = "auto|model|playbook|FILE"

    @override
    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        if isinstance(value, Path) or value in ("auto", "model", "playbook"):
            return value
        if not value.endswith((".yaml", ".yml")):
            self.fail(f"{value!r} is none of auto, model, playbook, and no path of a .yaml file", param, ctx)
        return Path(value)


PLAN = PlanSource()


@click.command()
@click.argument("objective")
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="A file to work on; repeatable.")
@click.option("--playbook", metavar="NAME_OR_PATH", help="How to go about it; see `botted playbooks`.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input of the playbook; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Where deliverables go.  [default: deliverables/ID]")
@click.option(
    "--mode",
    type=click.Choice(["auto", "manual", "decide"]),
    default="auto",
    show_default=True,
    help="manual: you approve the plan before anything runs, and the result before it is delivered; decide: chosen by "
    "rule from your preference, the complexity, the risk and what is there.",
)
@click.option(
    "--oversight",
    type=click.Choice(["end", "task", "step"]),
    default="end",
    show_default=True,
    help="What you approve in manual mode beside the plan: the result, each task too, or each step too.",
)
@click.option(
    "--prefer", type=click.Choice(["auto", "manual"]), help="With --mode decide: which mode you would rather."
)
@click.option(
    "--plan",
    type=PLAN,
    default="auto",
    show_default=True,
    help="Who plans, where no --playbook is named; auto: a model if there is one, else the playbook that fits. Or a "
    "plan of your own: the path of a .yaml file.",
)
@click.option(
    "--notify", metavar="CHANNEL", multiple=True, help="A channel to be told what waits for a person; repeatable."
)
@click.option("--budget-usd", type=USD, help="Dollars that models may cost.  [default: as in botted.toml, or 5]")
@click.option("--budget-tokens", type=COUNT, help="Tokens that models may use, in and out.")
@click.option("--budget-turns", type=COUNT, help="Model calls that may be made.")
@click.option("--minutes", type=USD, help="Minutes from the first model call on, after which none is made.")
@click.option(
    "--on-limit",
    type=click.Choice(["stop", "degrade", "ask"]),
    default="stop",
    show_default=True,
    help="When the budget is used up: stop, go on with cheaper models, or ask you (`botted budget ID --usd …`).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
@click.option("--detach", is_flag=True, help="Start it, print its id, and return at once.")
def run(
    objective: str,
    files: tuple[Path, ...],
    playbook: str | None,
    inputs: tuple[str, ...],
    out: Path | None,
    mode: str,
    oversight: str,
    prefer: str | None,
    plan: str | Path,
    notify: tuple[str, ...],
    budget_usd: Decimal | None,
    budget_tokens: int | None,
    budget_turns: int | None,
    minutes: Decimal | None,
    on_limit: str,
    as_json: bool,
    detach: bool,
) -> None:
    """Do OBJECTIVE, show progress, deliver.

    \b
    A model plans it if there is one: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, point OPENAI_BASE_URL
    at a server, or serve a GGUF file of your own (BOTTED_LOCAL__GGUF). `botted models` says which is asked for what.
    Without one, playbooks do the work: `botted playbooks`.

    Exit codes: 0 delivered, 1 not delivered, 2 bad input, 130 interrupted.
    """
    from api.cli import running
    from api.cli.intake import Asked
    from api.services.limits import Limits
    from api.services.planning import PlanBy
    from workflows.domain.budget import OnLimit
    from workflows.domain.objective import Mode, Oversight

    limits = Limits(
        usd=budget_usd, tokens=budget_tokens, turns=budget_turns, minutes=minutes, on_limit=OnLimit(on_limit)
    )
    asked = Asked(
        text=objective,
        files=files,
        playbook=playbook,
        inputs=inputs,
        out=out,
        mode=Mode(mode),
        oversight=Oversight(oversight),
        prefers=Mode(prefer) if prefer else None,
        plan=plan if isinstance(plan, Path) else PlanBy(plan),
        notify=notify,
        limits=limits,
    )
    sys.exit(running.run(asked, as_json=as_json, detach=detach))


@click.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_objectives(limit: int, as_json: bool) -> None:
    """Show the objectives, newest first."""
    from api.cli import looking

    looking.list_objectives(limit, as_json=as_json)


@click.command()
@click.argument("id")
@click.option("--journal", is_flag=True, help="Everything that happened, line by line.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the deliverables into this folder.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(id: str, journal: bool, out: Path | None, as_json: bool) -> None:
    """Show one objective: tasks, verdicts, costs, deliverables. The beginning of an ID is enough."""
    from api.cli import looking

    looking.show(id, whole_journal=journal, out=out, as_json=as_json)


@click.command()
@click.argument("id")
@click.option("--out", type=click.Path(path_type=Path), help="Where deliverables go.  [default: deliverables/ID]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end.")
def watch(id: str, out: Path | None, as_json: bool) -> None:
    """Follow an objective until it ends; exit codes as of `botted run`."""
    from api.cli import running

    sys.exit(running.watch(id, out, as_json=as_json))


@click.command()
@click.argument("id")
def cancel(id: str) -> None:
    """Stop an objective; what it had finished stays in the journal."""
    from api.cli import steering

    steering.cancel(id)


@click.command()
@click.argument("id")
@click.argument("task")
@click.argument("text")
def tell(id: str, task: str, text: str) -> None:
    """Tell the worker of TASK something: TEXT is in its model's next turn.

    TASK is the task's id, as `botted show ID --json` lists it.
    """
    from api.cli import steering

    steering.tell(id, task, text)


@click.command()
@click.argument("id")
@click.option("--usd", type=USD, help="Dollars in all.")
@click.option("--tokens", type=COUNT, help="Tokens in all.")
@click.option("--turns", type=COUNT, help="Model calls in all.")
@click.option("--minutes", type=USD, help="Minutes from now on.")
@click.option("--of", metavar="PART", help="Of task/TASK or worker/ROLE instead of the objective.")
def budget(
    id: str, usd: Decimal | None, tokens: int | None, turns: int | None, minutes: Decimal | None, of: str | None
) -> None:
    """Show the limits of an objective and what is spent, or set new limits.

    What waits for more budget goes on with the new limits.
    """
    from api.cli import budgeting
    from api.services.limits import Limits

    budgeting.budget(id, Limits(usd=usd, tokens=tokens, turns=turns, minutes=minutes), of)


@click.command()
@click.argument("id", required=False)
@click.option(
    "--by",
    type=click.Choice(["call", "step", "task", "role", "worker", "profile", "model", "objective", "tenant"]),
    help="What to sum by.  [default: task; without an ID: objective]",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def costs(id: str | None, by: str | None, as_json: bool) -> None:
    """Show what model calls used and cost, of one objective or of all."""
    from activities.store.usage import By
    from api.cli import costs as pages

    pages.costs(id, By(by) if by else None, as_json=as_json)
