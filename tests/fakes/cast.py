"""A cast of scripted models: one plans, one works, one verifies. Each is told by what its system prompt says."""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.fakes.llm_script import Call, Fault, Reply, Say, SeenRequest, calls

Work = Callable[[SeenRequest, int], Reply]
"""What a worker says in its n-th turn, from 1."""

_BEGINNINGS = {"You plan": "planner", "You are a worker": "executor", "You verify": "verifier"}


def role_of(seen: SeenRequest) -> str:
    return next(role for beginning, role in _BEGINNINGS.items() if seen.system.startswith(beginning))


def task_of(seen: SeenRequest) -> str:
    """The title of the task that a worker or a verifier is asked about; empty: the result."""
    found = re.search(r"^# (?:Your|The) task\n\n(.+)$", seen.turns[0].text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def turn_of(seen: SeenRequest) -> int:
    said = [turn for turn in seen.turns if turn.role == "assistant"]
    # On some wires text and each call are items of their own; what follows a result is a new turn.
    groups = sum(
        turn.role == "assistant" and (n == 0 or seen.turns[n - 1].role != "assistant")
        for n, turn in enumerate(seen.turns)
    )
    return groups + 1 if said else 1


class Cast:
    """Use `answer` as the responder of a FakeLlm. Faults in `faults` come first, whoever asks."""

    def __init__(
        self,
        plans: Sequence[Reply | Mapping[str, Any]] = (),
        work: Mapping[str, Work | Sequence[Reply]] | None = None,
        judge: Callable[[SeenRequest], Reply] | None = None,
    ) -> None:
        self.plans = list(plans)
        self.work = dict(work or {})
        self.judge = judge or approving
        self.faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()

    def answer(self, seen: SeenRequest) -> Reply:
        role = role_of(seen)
        with self._lock:
            for n, (whom, fault) in enumerate(self.faults):
                if whom in (role, "anybody"):
                    del self.faults[n]
                    return fault
        match role:
            case "planner":
                plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
                return Say(json.dumps(plan)) if isinstance(plan, Mapping) else plan
            case "executor":
                script = self.work[task_of(seen)]
                turn = turn_of(seen)
                return script(seen, turn) if callable(script) else script[min(turn, len(script)) - 1]
            case _:
                return self.judge(seen)


def task(id_: str, **changes: Any) -> dict[str, Any]:
    """A task as a planner proposes it: writes ID.txt, which must say "final"."""
    proposed = {
        "id": id_,
        "title": f"Task {id_}",
        "needs": [],
        "capability": "general",
        "tools": ["fake.write"],
        "instructions": f"Write {id_}.txt.",
        "deliverables": [f"{id_}.txt"],
        "checks": [{"check": "text.says", "arguments": json.dumps({"artifact": f"{id_}.txt", "contains": ["final"]})}],
        "criteria": [],
        "effort": "small",
        "as_objective": False,
    }
    return proposed | changes


def plan(*tasks: dict[str, Any], criteria: Sequence[str] = (), exists: Sequence[str] = ()) -> dict[str, Any]:
    named = exists or [task["deliverables"][0] for task in tasks if task["deliverables"]][:1]
    checks = [{"check": "artifact.exists", "arguments": json.dumps({"artifact": name})} for name in named]
    return {"tasks": list(tasks), "checks": checks, "criteria": list(criteria)}


def write(name: str, content: str) -> Call:
    return Call("fake_write", {"name": name, "content": content})


def submit(*artifacts: str, summary: str = "done") -> Call:
    return Call("submit", {"summary": summary, "artifacts": list(artifacts), "open_questions": []})


def writes(name: str, content: str = "final") -> tuple[Reply, ...]:
    """Writes it, and submits it in the next turn."""
    return (calls(write(name, content)), calls(submit(name)))


def opinion(*met: str, artifact: str = "", quote: str = "", decision: str = "", feedback: str = "") -> Say:
    meant = "rejected" if "no" in met else "approved" if set(met) == {"yes"} else "uncertain"
    findings = [
        {"criterion": n, "met": one, "artifact": artifact, "quote": quote, "reason": "because"}
        for n, one in enumerate(met, 1)
    ]
    told = feedback or ("change it" if meant == "rejected" else "")
    return Say(json.dumps({"findings": findings, "decision": decision or meant, "feedback": told}))


def approving(seen: SeenRequest) -> Reply:
    """Approves every criterion, quoting the first artifact."""
    shown = re.search(r"<data-(\w+) source=\"(.+?)\">\n(.+?)\n</data-\1>", seen.turns[0].text, re.DOTALL)
    assert shown, "nothing to quote"
    listed = seen.turns[0].text.rsplit("# Criteria", 1)[1]
    return opinion(*["yes"] * len(re.findall(r"^\d+\. ", listed, re.MULTILINE)), artifact=shown[2], quote=shown[3][:60])
