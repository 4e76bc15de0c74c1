"""Whatever a file of the largest size holds, it is read or refused with a bounded number of findings.

On one core of a small machine the slowest of these takes about 5 s with `check_files`, most take 1 to 2; the whole
process stays below 300 MB. What is refused for its size or depth takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from smista_mcp.policy.check import check_files
from smista_mcp.policy.document import MAX_BYTES
from smista_mcp.policy.findings import MAX_FINDINGS, has_errors
from smista_mcp.policy.layers import load_policy
from tests.policy.files import Places

RULE = '[[routing.rules]]\nname = "r{i}"\nmodel = "{model}"\n'


def full(head: str, unit: Callable[[int], str], tail: str = "") -> str:
    """A file as long as a file may be."""
    parts, size, number = [head], len(head) + len(tail), 0
    while size + len(part := unit(number)) <= MAX_BYTES:
        parts.append(part)
        size += len(part)
        number += 1
    return "".join([*parts, tail])


LARGE = {
    "rules without anything": full("", lambda _: "[[routing.rules]]\n"),
    "rules": full("", lambda i: RULE.format(i=i, model="ollama/a")),
    "rules of unknown groups": full("[groups.a]\nmodels = 'ollama/a'\n", lambda i: RULE.format(i=i, model=f"b{i}")),
    "guardrails of unknown regions": full(
        "[regions]\n" + "".join(f"r{i} = 'DE'\n" for i in range(9_000)),
        lambda i: f'[[guardrails]]\nrequire = {{ regions = "q{i}" }}\n',
    ),
    "classes of data": full("[privacy.detect]\n", lambda i: f'c{i} = "local"\n'),
    "patterns": full("[privacy]\nrestricted_paths = [\n", lambda i: f'"a{i}",\n', "]\n"),
    "unknown keys": full("[[tests]]\n", lambda i: f"key{i} = 1\n"),
    "open brackets": full("a = ", lambda _: "["),
    "dotted keys": full("[", lambda _: "a."),
    "one long key": '"' + "k" * (MAX_BYTES - 10) + '" = 1\n',
    "one long name": '[policy]\nname = "' + "k" * (MAX_BYTES - 30) + '"\n',
    "providers": full("", lambda i: f"[providers.p{i}]\n"),
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_the_largest_files_are_refused_with_few_findings(text: str, tmp_path: Path) -> None:
    assert len(text) <= MAX_BYTES
    path = tmp_path / "large.toml"
    path.write_text(text)

    found = check_files([path])

    assert has_errors(found)
    assert len(found) <= 3 * MAX_FINDINGS
    assert max(len(str(one)) for one in found) < 1_000


def test_as_many_rules_and_guardrails_as_are_allowed_load(places: Places) -> None:
    rules = "".join(RULE.format(i=i, model="ollama/a") for i in range(10_000))
    guardrails = "".join(f"[[guardrails]]\nrequire = {{ local = true }}\ndata = 'd{i}'\n" for i in range(9_000))
    places.workspace(rules)
    places.user(guardrails)

    policy = load_policy(places.policies).policy

    assert (len(policy.rules), len(policy.guardrails)) == (10_000, 9_000)


def test_an_error_behind_many_warnings_is_still_an_error(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    rules = "".join(RULE.format(i=i, model="ollama/a") + f"intent = 'odd{i}'\n" for i in range(1_000))
    path.write_text(f"{rules}[[guardrails]]\nrequire = {{ regions = 'nowhere' }}\n")

    found = check_files([path])

    assert "unknown_region" in {one.code for one in found}
