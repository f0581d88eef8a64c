"""What templates may do, and that none of them uses up memory or time."""

import time

import pytest

from activities.playbooks.templates import TemplateFault, render

NAMES = {"text": "x" * 4000, "files": [{"name": "a.csv", "slug": "a"}, {"name": "b.csv", "slug": "b"}], "none": ""}
MANY = f"[{'0,' * 50_000}0]"


def nested(inner: str, operation: str, times: int) -> str:
    for _ in range(times):
        inner = f"({operation.format(inner)})"
    return f"{{{{ {inner} }}}}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ files | map(attribute='slug') | join(', ') }}", "a, b"),
        ("{% for file in files %}- {{ file.name | upper }}\n{% endfor %}", "- A.CSV\n- B.CSV\n"),
        ("{{ none or text | truncate(10, true, '') }}", "x" * 10),
        ("{{ 2 * 3 + 2 ** 3 - 7 % 4 }}", 11),
        ("{{ 2.345 | round(1) }}", 2.3),
        ("{{ 'a-b' | replace('-', '+') }}", "a+b"),
        ("{{ files | tojson }}", '[{"name": "a.csv", "slug": "a"}, {"name": "b.csv", "slug": "b"}]'),
        ("{% if files | length > 1 %}many{% else %}one{% endif %}", "many"),
        ("{{ 'a.csv'.removesuffix('.csv').upper() }}", "A"),
    ],
)
def test_what_playbooks_need_works(template: str, expected: object) -> None:
    assert render(template, NAMES) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ '%0999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 'x'.ljust(999999999) }}",
        "{{ 'x' | center(999999999) }}",
        "{{ [1] | batch(999999999, 'x') | list }}",
        "{{ (1).to_bytes(999999999, 'big') }}",
        "{{ ((((9**64)**64)**64)**64)**64 }}",
        "{{ 'a' * 999999999 }}",
        "{{ [0] * 999999999 }}",
        f"{{{{ {MANY} | join('{'a' * 50_000}') }}}}",
        f"{{{{ '{'a' * 60_000}' | replace('a', '{'b' * 30_000}') }}}}",
        f"{{% for a in {MANY} %}}{{% for b in {MANY} %}}{{% endfor %}}{{% endfor %}}",
        f"{{% for a in {MANY} %}}{{{{ text }}}}{{% endfor %}}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% set x = 'a' %}{{ x }}",
        nested("text", "{0}|tojson", 40),
        nested("['\\\\']", "[{0}]|string", 40),
        nested("text", "{0} ~ {0}", 13),
        "{{ text.__class__.__mro__ }}",
        "{{ [1][5] }}",
    ],
    ids=lambda template: template[:40],
)
def test_what_would_grow_without_end_is_a_fault(template: str) -> None:
    began = time.perf_counter()
    with pytest.raises(TemplateFault):
        render(template, NAMES)
    assert time.perf_counter() - began < 20
