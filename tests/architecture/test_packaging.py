from importlib.metadata import packages_distributions

import pytest


@pytest.mark.parametrize("name", ["workflows", "activities", "worker", "api", "config"])
def test_no_dependency_claims_our_package_name(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"botted"}


@pytest.mark.parametrize("name", ["workflows", "activities", "worker", "api", "config"])
def test_our_packages_are_the_ones_that_are_imported(name: str, pytestconfig: pytest.Config) -> None:
    module = __import__(name)
    assert module.__file__ is not None
    assert module.__file__.startswith(str(pytestconfig.rootpath))
