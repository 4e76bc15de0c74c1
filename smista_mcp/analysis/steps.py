"""Steps that nobody took: facts made up to meet conditions, or stated by a policy's test."""

from __future__ import annotations

import hashlib
import posixpath
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from smista_mcp.facts.gather import gather
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.facts.types import (
    Attributes,
    Facts,
    Intent,
    IntentSource,
    PathFact,
    Source,
    Step,
    Values,
)
from smista_mcp.policy.types import Given, Match, Policy

USUAL_TOKENS: Final = 1_000
"""How much goes into a step of which nothing is said."""

SINGLE: Final = ("tier", "tenant", "team", "workload")
"""What a step has one value of."""

NOBODY: Final = "(another)"
"""A bound value that no policy names: it makes a thing known without being anything that is asked for."""


def path_fact(path: str) -> PathFact:
    """A file of that name in some workspace, under the names by which patterns could catch it.

    There are no links here. A path that leads out of the workspace is not canonical, as in a real step.
    """
    name = posixpath.normpath(path.replace("\\", "/")) + ("/" if path.endswith("/") else "")
    name = unicodedata.normalize("NFC", name)
    folded = unicodedata.normalize("NFC", name.casefold())
    canonical = bool(path.strip()) and not name.startswith(("/", "../", "~")) and name not in ("..", "../")
    names = tuple(dict.fromkeys((name, folded))) if canonical else ()
    return PathFact(path, names, Source.OBSERVED if canonical else Source.ASSERTED, canonical)


def given_facts(given: Given, policy: Policy) -> Facts:
    """The facts of a test's step, by the way of real ones: classified, with suspicions, with languages by ending.

    Raises:
        StepError: no step can be like that, e.g. one of an intent that the policy does not know.
    """
    step = Step(
        task=given.task or "A step of a policy's test.",
        intent=given.intent,
        paths=given.paths,
        skill=given.skill,
        effort=given.effort,
        labels=given.labels,
        data=given.data,
        model=given.model,
    )
    tokens = given.tokens
    if tokens is None:
        tokens = estimate_tokens(given.task) if given.task and not given.paths else USUAL_TOKENS
    facts = gather(step, policy, path_facts=[path_fact(one) for one in given.paths], input_tokens=tokens)
    bound = {name: _bound(getattr(given, name)) for name in (*SINGLE, "user")}
    repo = Values(bound=frozenset({given.repo.casefold()})) if given.repo else Values()
    languages = Values(observed=frozenset(given.languages))
    stated = Attributes(repo=repo, languages=languages, **bound)
    return replace(facts, attributes=facts.attributes.merged(stated))


def witness(
    *matches: Match, intent: str = "chat", singles_known: bool = True, extra: Mapping[str, str] = MappingProxyType({})
) -> Facts | None:
    """A step that meets all of `matches`, with nothing beside what they ask for; ``None`` where none was found.

    Args:
        intent: the kind of work, where none of them states any.
        singles_known: whether tier, team and so on are known to be something else where nothing is asked of them.
        extra: single values to bind where nothing is asked of them.
    """
    intents = _common(one.intent for one in matches)
    skills = _common(one.skill for one in matches)
    least = max((one.min_tokens for one in matches if one.min_tokens is not None), default=None)
    most = min((one.max_tokens for one in matches if one.max_tokens is not None), default=None)
    if intents == () or skills == () or (least is not None and most is not None and least > most):
        return None
    singles: dict[str, Values] = {}
    for name in SINGLE:
        values = _common(getattr(one, name) for one in matches)
        if values == ():
            return None
        chosen = values[0] if values else extra.get(name, NOBODY if singles_known else "")
        singles[name] = Values(bound=frozenset({chosen} if chosen else ()))
    paths: list[PathFact] = []
    repos: set[str] = set()
    for one in matches:
        if one.paths:
            path = sample_path(one.paths)
            if path is None:
                return None
            paths.append(path_fact(path))
        if one.repo:
            repos.add(_sample(one.repo[0].casefold()))
    tokens = USUAL_TOKENS
    tokens = tokens if least is None else max(tokens, least)
    tokens = tokens if most is None else min(tokens, most)
    attributes = Attributes(
        labels=Values(asserted=_firsts(one.labels for one in matches)),
        data=Values(asserted=_firsts(one.data for one in matches)),
        languages=Values(observed=_firsts(one.languages for one in matches)),
        repo=Values(bound=frozenset(repos)),
        **singles,
    )
    return Facts(
        intent=Intent(intents[0] if intents else intent, IntentSource.CALLER, 1.0),
        paths=tuple(dict.fromkeys(paths)),
        skill=skills[0] if skills else None,
        input_tokens=tokens,
        attributes=attributes,
        task_sha256=hashlib.sha256(b"").hexdigest(),
    )


def describe(facts: Facts) -> str:
    """A made-up step in a few words, for a message."""
    said = [f"intent {facts.intent.value}"]
    if facts.skill:
        said.append(f"skill {facts.skill}")
    said += [f"path {path.declared}" for path in facts.paths]
    known = facts.attributes
    said += [f"label {one}" for one in sorted(known.labels.all)]
    said += [f"data {one}" for one in sorted(known.data.all)]
    said += [f"language {one}" for one in sorted(known.languages.all)]
    for name in SINGLE:
        values: Values = getattr(known, name)
        said += [f"{name} {one}" for one in sorted(values.all - {NOBODY})]
    said += [f"repo {one}" for one in sorted(known.repo.all)]
    if facts.input_tokens != USUAL_TOKENS:
        said.append(f"{facts.input_tokens} tokens")
    return ", ".join(said)


def sample_path(patterns: tuple[str, ...]) -> str | None:
    """A file that `patterns` match, or ``None`` where none was found."""
    matcher = PathPatterns(patterns)
    for pattern in patterns:
        if pattern.startswith(("!", "#")):
            continue
        plain = pattern.removeprefix("\\").removeprefix("./").lstrip("/")
        for shape in (plain, plain + "/file" if not plain.endswith("/") else plain + "file"):
            path = "/".join(_sample(part) for part in shape.split("/") if part != "**" or shape.endswith("**"))
            path = path.strip("/")
            if path and matcher.matches(path_fact(path).names):
                return path
    return None


def _bound(value: str | None) -> Values:
    return Values() if value is None else Values(bound=frozenset({value}))


def _firsts(lists: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(one[0] for one in lists if one)


def _common(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    """What all non-empty lists have in common, in the first one's order; ``None`` where all are empty."""
    stated = [one for one in lists if one]
    if not stated:
        return None
    return tuple(value for value in stated[0] if all(value in other for other in stated[1:]))


def _sample(pattern: str) -> str:
    """A text that a shell-style pattern matches, for the usual patterns."""
    found: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        end = pattern.find("]", position + 2) if char == "[" else -1
        if char == "\\" and position + 1 < len(pattern):
            position += 1
            found.append(pattern[position])
        elif end != -1:
            inside = pattern[position + 1 : end]
            found.append("z" if inside[0] in "!^" else inside[0])
            position = end
        elif char == "*":
            if not found or found[-1] != "file":
                found.append("file")
        else:
            found.append("x" if char == "?" else char)
        position += 1
    return "".join(found)
