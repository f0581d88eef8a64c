"""Which way an objective is planned, from what is there: words, files, playbooks and models."""

import pytest

from activities.playbooks.library import find
from api.services.faults import Faulty
from api.services.planning import Models, PlanBy, choose
from config.models import KnownModels, ModelsSettings, known_models

NONE = Models.of(KnownModels())
KEYED = Models.of(known_models(ModelsSettings(), {"OPENAI_API_KEY": "sk-1"}))
TABLE = ("a.csv",)


def chosen(
    text: str, models: Models = NONE, *, by: PlanBy = PlanBy.AUTO, playbook: str | None = None
) -> tuple[str | None, str]:
    said: list[str] = []
    found = choose(text, TABLE, find(playbook) if playbook else None, by, models, said.append)
    return (found[0].playbook.name if found else None), " ".join(said)


@pytest.mark.parametrize(
    "text",
    [
        "What drives the delays?",
        "Write a report on the sales",
        "Which e-mails were opened most?",
        "Analyse this and send nothing",
        "Prepare the monthly figures",
        "How did the price code change over time?",
    ],
)
def test_without_a_model_a_question_about_tables_gets_the_report(text: str) -> None:
    name, said = chosen(text)
    assert name == "data-report"
    assert said.startswith("playbook: data-report (it fits these files")


@pytest.mark.parametrize(
    "text",
    [
        "Translate the comments into German",
        "Write a friendly e-mail to each of these customers",
        "draft letters to all of them",
        "Please convert this to JSON",
        "Write a Python script that reads this file",
        "Make a website from this",
    ],
)
def test_words_that_ask_for_something_else_fit_no_report(text: str) -> None:
    with pytest.raises(Faulty, match="no playbook clearly fits an objective like this") as refusal:
        chosen(text)
    assert len(refusal.value.hints) == 3


def test_with_a_key_a_model_plans_and_it_is_said_which() -> None:
    assert chosen("Look", KEYED) == (
        None,
        "plan: by gpt-5.4 (profile strong); --playbook names one that needs no model",
    )
    assert chosen("Look", KEYED, by=PlanBy.PLAYBOOK)[0] == "data-report"
    assert chosen("Look", KEYED, playbook="data-report")[0] == "data-report"


def test_hosts_elsewhere_may_know_models_that_we_do_not() -> None:
    elsewhere = Models.of(KnownModels(), elsewhere=True)
    assert chosen("Look", elsewhere)[0] == "data-report"
    assert chosen("Look", elsewhere, by=PlanBy.MODEL)[0] is None
    with pytest.raises(Faulty, match="no model is configured"):
        chosen("Look", by=PlanBy.MODEL)


def test_what_contradicts_itself_or_leaves_nothing_is_refused() -> None:
    with pytest.raises(Faulty, match="contradict each other"):
        chosen("Look", KEYED, by=PlanBy.MODEL, playbook="data-report")
    with pytest.raises(Faulty, match="no playbook was named, and none clearly fits"):
        chosen("Translate this", KEYED, by=PlanBy.PLAYBOOK)
