"""Plans in full, as JSON and as the YAML that people edit."""

from functools import lru_cache

from activities.playbooks.writing import to_yaml
from activities.store.artifacts import ArtifactLost
from api.errors import NotFound
from api.house import House
from api.services.objectives import unknown
from workflows.domain.artifact import Sha256
from workflows.domain.model import Model
from workflows.domain.plan import Plan


class PlanInFull(Model):
    sha256: Sha256
    plan: Plan


class PlanTexts:
    def __init__(self, house: House) -> None:
        self._house = house

    def digest(self, tenant: str, objective_id: str) -> str:
        """Of the plan that counts now. Raises NotFound."""
        row = self._house.objectives.get(objective_id, tenant)
        if row is None:
            raise unknown(objective_id)
        if row.plan is None:
            raise NotFound("there is no plan yet")
        return row.plan

    def as_json(self, digest: str) -> bytes:
        """A PlanInFull; the plan as it was written, unread."""
        return b'{"sha256":"' + digest.encode() + b'","plan":' + self._content(digest) + b"}"

    def as_yaml(self, digest: str) -> str:
        return f"# plan {digest}\n{_yaml(self._content(digest))}"

    def parsed(self, digest: str) -> Plan:
        return _parsed(self._content(digest))

    def _content(self, digest: str) -> bytes:
        try:
            return self._house.artifacts.read(digest)
        except ArtifactLost as error:
            raise NotFound(str(error)) from error


@lru_cache(maxsize=64)
def _parsed(content: bytes) -> Plan:
    return Plan.model_validate_json(content)


@lru_cache(maxsize=32)
def _yaml(content: bytes) -> str:
    return to_yaml(_parsed(content))
