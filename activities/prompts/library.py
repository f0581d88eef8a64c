"""Reads the prompts."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def prompt(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text("utf-8").strip()


def sections(**texts: str) -> str:
    """Each text below a heading, in order; empty ones are left out. `your_task="…"` becomes `# Your task`."""
    parts = [
        f"# {name.replace('_', ' ').capitalize()}\n\n{text.strip()}" for name, text in texts.items() if text.strip()
    ]
    return "\n\n".join(parts)
