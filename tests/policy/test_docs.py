"""What the page about the language says is what the language is."""

from __future__ import annotations

import re

import pytest

from smista_mcp.policy.findings import Severity
from smista_mcp.policy.known import HARMLESS_HEADERS, KNOWN_PROVIDERS
from smista_mcp.policy.layers import load_policy
from smista_mcp.policy.types import BUILTIN_INTENTS
from tests.policy.files import Places
from tests.policy.reference import DOCUMENT, with_reference

TEXT = DOCUMENT.read_text()
SAMPLES = re.findall(r"<!-- (\w+) -->\n```toml\n(.*?)```", TEXT, re.DOTALL)


def test_every_sample_says_whose_file_it_is() -> None:
    assert len(SAMPLES) == TEXT.count("```toml") >= 7


@pytest.mark.parametrize(("layer", "sample"), SAMPLES)
def test_every_sample_loads(layer: str, sample: str, places: Places) -> None:
    getattr(places, layer)(sample)

    result = load_policy(places.policies)

    told = {"never_local", "local_only_scope", "budget_not_counted", "detect_not_scanned"}
    assert {finding.code for finding in result.findings} <= told
    assert not [finding for finding in result.findings if finding.severity is Severity.ERROR]


def test_the_reference_is_that_of_the_schema() -> None:
    assert with_reference(TEXT) == TEXT, "run: python -m tests.policy.reference"


def test_what_is_known_without_a_table_is_listed_in_full() -> None:
    providers = TEXT.partition("These providers are known without a table:")[2].partition(".\n")[0]
    intents = TEXT.partition("**Intents** are the kinds of work:")[2].partition(". You")[0]

    assert re.findall(r"`([^`]+)`", providers) == sorted(KNOWN_PROVIDERS)
    assert tuple(re.findall(r"`([^`]+)`", intents)) == BUILTIN_INTENTS


def test_the_headers_named_as_harmless_are() -> None:
    named = TEXT.partition("written out (")[2].partition(")")[0]

    assert {name.lower() for name in re.findall(r"`([^`]+)`", named)} <= HARMLESS_HEADERS


def test_every_code_of_a_finding_is_explained() -> None:
    sources = [path.read_text() for path in (DOCUMENT.parents[1] / "smista_mcp" / "policy").rglob("*.py")]
    pattern = r'(?:Finding|_error|_found|_refused)\(\s*(?:self\._document, |document, |file, [^,"]+, )?"([a-z_]+)"'
    used = {code for source in sources for code in re.findall(pattern, source)}
    explained = set(re.findall(r"`([a-z_]+)`", TEXT.partition("## Findings")[2]))

    assert len(used) > 20
    assert used <= explained
