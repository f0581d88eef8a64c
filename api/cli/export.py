"""Puts deliverables where a person wants them: all of them or none."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from activities.store.artifacts import ArtifactStore
from api.cli.errors import Stopped
from workflows.domain.artifact import ArtifactRef


def export(artifacts: ArtifactStore, deliverables: Sequence[ArtifactRef], out: Path) -> tuple[Path, ...]:
    """Writes each deliverable under `out`, replacing files of the same name. Raises Stopped."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(dir=out, prefix=".incoming-"))
        try:
            for ref in deliverables:
                target = incoming / ref.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(artifacts.read(ref.sha256))
            return tuple(_move(incoming / ref.name, out / ref.name) for ref in deliverables)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    except OSError as error:
        raise Stopped(
            [
                f"the deliverables could not be written to {out}: {error}",
                "They are safe in the store: `botted show ID --out DIR`",
            ]
        ) from error


def _move(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    return target
