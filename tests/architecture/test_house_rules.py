import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("workflows", "activities", "worker", "api", "config")


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_package_files_re_export_nothing() -> None:
    packages = [path for path in _sources() if path.name == "__init__.py"]
    assert [path for path in packages if len(ast.parse(path.read_text()).body) > 1] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    banned = {"utils", "helpers", "common", "manager", "base", "misc"}
    assert [path for path in _sources() if path.stem in banned or path.parent.name == "agents"] == []


def test_no_file_outgrows_what_a_reader_holds_in_mind() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _sources()}
    assert {name: lines for name, lines in long.items() if lines > 400 and "/versions/" not in name} == {}


def test_no_registry_host_or_path_of_a_machine_is_committed() -> None:
    pattern = re.compile(
        "|".join(["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "/ho" + "me/[a-z]"])
    )
    offenders = []
    for path in _tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        offenders += [f"{path.name}: {match.group()}" for match in pattern.finditer(text)]
    assert offenders == []


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.py")), ids=lambda path: path.name)
def test_workflow_code_names_its_timeouts_in_policies(path: Path) -> None:
    assert path.name == "policies.py" or "timedelta" not in path.read_text()
