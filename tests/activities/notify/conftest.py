from collections.abc import Iterator

import pytest

from tests.fakes.receivers import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as served:
        yield served
