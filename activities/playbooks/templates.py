"""{{ templates }} in playbooks: Jinja2's sandbox, strict about what is unknown."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

MAX_RENDERED = 100_000
"""Characters that one string may render to."""


class TemplateFault(Exception):
    """A template that cannot be rendered; the message is for people."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, which leaves two ways to use up memory open: repetition and powers."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or (operator == "**" and abs(right) > 64):
            raise SecurityError(f"{operator} works on numbers only, with exponents up to 64")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Sandbox(undefined=StrictUndefined, autoescape=False)
_ENVIRONMENT.globals.clear()  # `range` and friends: lists come from inputs and files


def render(value: JsonValue, names: Mapping[str, Any]) -> JsonValue:
    """The value with every template in it rendered. A string that is one {{ expression }} keeps its type."""
    match value:
        case str():
            return _render_text(value, names)
        case list():
            return [render(item, names) for item in value]
        case dict():
            return {key: render(item, names) for key, item in value.items()}
        case _:
            return value


def truth(condition: str | bool, names: Mapping[str, Any]) -> bool:
    rendered = render(condition, names)
    return (
        rendered.strip().lower() not in ("", "false", "no", "0", "none")
        if isinstance(rendered, str)
        else bool(rendered)
    )


def unknown_names(value: JsonValue, known: frozenset[str], inputs: frozenset[str]) -> Iterator[str]:
    """One sentence per variable in the templates that nobody defines."""
    for text in filter(_is_template, _texts(value)):
        try:
            tree = _ENVIRONMENT.parse(text)
        except TemplateError as error:
            yield f"not a valid template: {error}"
            continue
        except RecursionError:
            yield "not a valid template: it is nested too deeply"
            continue
        yield from _unknown_in(tree, known, inputs)


def _unknown_in(tree: nodes.Template, known: frozenset[str], inputs: frozenset[str]) -> Iterator[str]:
    local = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in known | local:
            yield f"there is no variable {name.name!r}; there are {', '.join(sorted(known))}"
    for attribute in tree.find_all(nodes.Getattr):
        of_inputs = isinstance(attribute.node, nodes.Name) and attribute.node.name == "inputs"
        if of_inputs and attribute.attr not in inputs:
            there_are = ", ".join(sorted(inputs)) or "none"
            yield f"the playbook declares no input {attribute.attr!r}; declared: {there_are}"


def _render_text(text: str, names: Mapping[str, Any]) -> JsonValue:
    if not _is_template(text):
        return text
    try:
        expression = _sole_expression(text)
        if expression is not None:
            result: JsonValue = _ENVIRONMENT.compile_expression(expression, undefined_to_none=False)(**names)
            if isinstance(result, StrictUndefined):
                result._fail_with_undefined_error()
            return result
        rendered = _ENVIRONMENT.from_string(text).render(**names)
    except SecurityError as error:
        raise TemplateFault(f"{text!r} is not allowed: {error}") from error
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise TemplateFault(f"{text[:200]!r} cannot be rendered: {error}") from error
    if len(rendered) > MAX_RENDERED:
        raise TemplateFault(f"{text[:80]!r} renders to more than {MAX_RENDERED:,} characters")
    return rendered


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _sole_expression(text: str) -> str | None:
    inner = text.strip()
    if not (inner.startswith("{{") and inner.endswith("}}")) or inner.count("{{") > 1 or "{%" in inner:
        return None
    return inner[2:-2].strip("- ")


def _texts(value: JsonValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
