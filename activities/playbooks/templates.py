"""{{ templates }} in playbooks: Jinja2's sandbox, strict about what is unknown."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

MAX_RENDERED = 100_000
"""Characters that one string may render to."""


class TemplateFault(Exception):
    """A template that cannot be rendered; the message is for people."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, which leaves many ways open to use up memory or time: repetition, powers, padding, loops.

    Whoever may ask for an objective may send a playbook, so each of them has a bound here.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or (operator == "**" and abs(right) > 64) or not -_MOST < left < _MOST:
            raise SecurityError(f"{operator} works on numbers only, below 10^15 and with exponents up to 64")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> None:
        """By itself it lets `format` pass, with any width."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in _UNBOUNDED and super().is_safe_attribute(obj, attr, value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for statement in tree.find_all(_STATEMENTS):
            alone = isinstance(statement, nodes.For) and statement.find(nodes.For) is None and not statement.recursive
            if not alone:
                raise TemplateSyntaxError("only if, and for without another for in it, are allowed", statement.lineno)
        if _depth(tree) > _MOST_NESTED:
            raise TemplateSyntaxError(f"more than {_MOST_NESTED} filters or calls, one in another, are too many", 1)
        return tree


def _depth(tree: nodes.Node) -> int:
    """How many operations stand in each other that may each make a text twice as long."""
    deepest = 0
    left: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while left:
        node, depth = left.pop()
        depth += isinstance(node, nodes.Filter | nodes.Concat | nodes.Call)
        deepest = max(deepest, depth)
        left += [(child, depth) for child in node.iter_child_nodes()]
    return deepest


_MOST = 10**15
_MOST_NESTED = 12
_UNBOUNDED = frozenset(
    {
        *("format", "format_map", "ljust", "rjust", "center", "zfill", "expandtabs"),
        *("replace", "join", "translate", "to_bytes"),
    }
)
"""Methods whose results can be of any size; the filters join and replace are bounded."""
_STATEMENTS = (
    *(nodes.For, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.Assign, nodes.AssignBlock, nodes.With),
    *(nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block, nodes.ScopedEvalContextModifier),
)
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby", "int"),
    *("items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select"),
    *("selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount"),
)


def _bounded(text: str) -> str:
    if len(text) > MAX_RENDERED:
        raise TemplateFault(f"{text[:80]!r} has more than {MAX_RENDERED:,} characters")
    return text


def _join(values: Iterable[Any], separator: str = "") -> str:
    return _bounded(separator).join(_take(map(str, values), len(separator)))


def _take(texts: Iterable[str], each: int) -> Iterator[str]:
    room = MAX_RENDERED
    for text in texts:
        room -= len(text) + each
        if room < 0:
            raise TemplateFault(f"join makes more than {MAX_RENDERED:,} characters")
        yield text


def _replace(text: object, old: str, new: str) -> str:
    whole = _bounded(str(text))
    if whole.count(old) * len(new) > MAX_RENDERED:
        raise TemplateFault(f"replace makes more than {MAX_RENDERED:,} characters")
    return whole.replace(old, new)


def _round(number: float, digits: int = 0) -> float:
    return round(number, max(-15, min(int(digits), 15)))


def _tojson(value: object) -> str:
    return _bounded(json.dumps(value, ensure_ascii=False))


_ENVIRONMENT = _Sandbox(undefined=StrictUndefined, autoescape=False)
_ENVIRONMENT.globals.clear()  # `range` and friends: lists come from inputs and files
_ENVIRONMENT.filters = {
    **{name: _ENVIRONMENT.filters[name] for name in _FILTERS},
    **{"join": _join, "replace": _replace, "round": _round, "tojson": _tojson},
}


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
            _ENVIRONMENT.parse(text)  # which refuses what is not allowed
            result: JsonValue = _ENVIRONMENT.compile_expression(expression, undefined_to_none=False)(**names)
            if isinstance(result, StrictUndefined):
                result._fail_with_undefined_error()
            return result
        rendered = _joined(_ENVIRONMENT.from_string(text).generate(**names), text)
    except SecurityError as error:
        raise TemplateFault(f"{text[:200]!r} is not allowed: {error}") from error
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise TemplateFault(f"{text[:200]!r} cannot be rendered: {error}") from error
    return rendered


def _joined(pieces: Iterable[str], template: str) -> str:
    """Stops where it is enough, before there is more than memory can hold."""
    kept: list[str] = []
    room = MAX_RENDERED
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise TemplateFault(f"{template[:80]!r} renders to more than {MAX_RENDERED:,} characters")
        kept.append(piece)
    return "".join(kept)


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
