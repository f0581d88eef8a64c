"""The playbooks that come with botted, and those that a person points at."""

from pathlib import Path

from activities.playbooks.document import Document, PlaybookError, parse

BUILT_IN = Path(__file__).parent / "library"


def built_in() -> tuple[Document, ...]:
    return tuple(parse(path.read_text("utf-8"), path.name) for path in sorted(BUILT_IN.glob("*.yaml")))


def named(name: str) -> tuple[Document, str] | None:
    """A built-in playbook and its YAML; whatever the name, no other file is looked at."""
    for path in BUILT_IN.glob("*.yaml"):
        if path.stem == name:
            text = path.read_text("utf-8")
            return parse(text, path.name), text
    return None


def find(name_or_path: str) -> tuple[Document, str]:
    """A playbook and its YAML, by the name of a built-in one or by path. Raises PlaybookError."""
    path = BUILT_IN / f"{name_or_path}.yaml"
    if "/" in name_or_path or not path.is_file():
        path = Path(name_or_path).expanduser()
    text = _read(path, name_or_path)
    return parse(text, str(path) if path.parent != BUILT_IN else path.name), text


def _read(path: Path, asked: str) -> str:
    if path.is_dir():
        raise PlaybookError([f"{asked}: this is a folder; name the playbook's YAML file"])
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        names = ", ".join(document.playbook.name for document in built_in())
        raise PlaybookError(
            [f"{asked}: there is no such playbook file, and no built-in playbook of this name; built in: {names}"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlaybookError([f"{asked}: cannot be read: {error}"]) from error
