"""The playbooks that come with botted."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Reader
from api.services import playbooks
from api.services.playbooks import PlaybookInDetail, PlaybookList

router = APIRouter(prefix="/v1/playbooks", tags=["playbooks"])


@router.get("", summary="All playbooks")
def all_playbooks(caller: Reader) -> PlaybookList:
    """An objective may be given one of these by name, or one of your own as YAML."""
    return playbooks.listed()


@router.get("/{name}", summary="One playbook, with its inputs and its YAML")
def get(name: Annotated[str, Path(max_length=60, examples=["data-report"])], caller: Reader) -> PlaybookInDetail:
    return playbooks.get(name)
