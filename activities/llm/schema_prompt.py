"""The form of the answer told in words, for servers that cannot enforce it."""

import json

from activities.llm.messages import Message, ModelRequest


def told_in_prompt(request: ModelRequest) -> ModelRequest:
    """The same request with its schema in the last system message instead of beside the messages."""
    if request.output is None:
        return request
    rule = (
        "Answer with one JSON object and nothing else: no fences, no words around it. "
        f"It must fit this JSON Schema:\n{json.dumps(request.output.json_schema, ensure_ascii=False)}"
    )
    return request.model_copy(update={"output": None, "messages": with_rule(request.messages, rule)})


def with_rule(messages: tuple[Message, ...], rule: str) -> tuple[Message, ...]:
    """The rule at the end of the last system message, or as a system message of its own before all others."""
    places = [place for place, message in enumerate(messages) if message.role == "system"]
    if not places:
        return (Message(role="system", content=rule), *messages)
    last = places[-1]
    told = messages[last].model_copy(update={"content": f"{messages[last].content}\n\n{rule}"})
    return (*messages[:last], told, *messages[last + 1 :])
