"""From a step, the policy and what was read to the facts that routing decides by. Pure."""

from __future__ import annotations

import difflib
import hashlib
import posixpath
from collections.abc import Sequence
from typing import Final

from smista_mcp.errors import StepError
from smista_mcp.facts.intent import classify, suspects
from smista_mcp.facts.types import (
    Attributes,
    ContextPlan,
    Facts,
    Intent,
    IntentSource,
    PathFact,
    Step,
    Values,
)
from smista_mcp.policy.types import BUILTIN_INTENTS, Effort, Policy

MAX_TASK_CHARS: Final = 400_000
"""Longest task text. About the window of the largest models; longer material belongs into files."""
MAX_CONTEXT_CHARS: Final = 4_000_000
"""Longest material a caller may pass along."""
MAX_NAME_CHARS: Final = 200
"""Longest skill, label, intent or class of data."""
MAX_LABELS: Final = 100
"""Most labels, and most classes of data, of one step."""
MAX_PATHS: Final = 2_000
"""Most paths that one step may name."""

NOTHING_KNOWN: Final = Attributes()

_LANGUAGES: Final = {
    ending: language
    for language, endings in {
        "c": "c h",
        "cpp": "cc cpp cxx hh hpp hxx",
        "csharp": "cs",
        "css": "css scss sass less",
        "dart": "dart",
        "elixir": "ex exs",
        "go": "go",
        "haskell": "hs",
        "html": "html htm",
        "java": "java",
        "javascript": "js jsx mjs cjs",
        "kotlin": "kt kts",
        "lua": "lua",
        "php": "php",
        "python": "py pyi pyw",
        "r": "r",
        "ruby": "rb",
        "rust": "rs",
        "scala": "scala",
        "shell": "sh bash zsh",
        "sql": "sql",
        "swift": "swift",
        "typescript": "ts tsx mts cts",
    }.items()
    for ending in endings.split()
}


def gather(
    step: Step,
    policy: Policy,
    *,
    path_facts: Sequence[PathFact] = (),
    restricted: Sequence[str] = (),
    plan: ContextPlan | None = None,
    input_tokens: int = 0,
    known: Attributes = NOTHING_KNOWN,
) -> Facts:
    """All that is known of `step`.

    The caller's own intent is taken where it is given; what the text says beside it is kept in
    ``suspected_intents``, which guardrails meet as well.

    Args:
        path_facts: the paths of the step, declared and found.
        restricted: names of those that are restricted.
        plan: what of the workspace goes in and what stays out.
        input_tokens: estimate of everything that will be sent.
        known: what trusted configuration, the repository and the session say of the step.

    Raises:
        StepError: the step cannot be used as given: no task, something too long, an intent nobody defined.
    """
    check_step(step)
    plan = plan if plan is not None else ContextPlan()
    path_names = tuple(fact.names for fact in path_facts)
    has_context = bool(step.context.strip() or step.paths)
    if step.intent is not None and step.intent.strip():
        intent = Intent(_known_intent(step.intent, policy), IntentSource.CALLER, 1.0, "the caller said so")
    else:
        intent = classify(step.task, has_context=has_context, path_names=path_names, policy=policy)
    also = suspects(step.task, has_context=has_context, path_names=path_names, policy=policy)
    return Facts(
        intent=intent,
        paths=tuple(path_facts),
        skill=_clean(step.skill),
        effort=step.effort,
        proposed_model=_clean(step.model),
        restricted=tuple(restricted),
        input_tokens=input_tokens,
        max_output_tokens=step.max_output_tokens,
        context=plan,
        attributes=known.merged(
            Attributes(
                labels=Values(asserted=frozenset(_each_once(step.labels))),
                data=Values(asserted=frozenset(_each_once(step.data))),
                languages=Values(observed=frozenset(_languages(path_facts))),
            )
        ),
        suspected_intents=tuple(sorted(also - {intent.value})),
        task_sha256=hashlib.sha256(step.task.encode("utf-8", "surrogatepass")).hexdigest(),
        task_chars=len(step.task),
    )


def check_step(step: Step) -> None:
    """Whether `step` can be used at all, before anything of the workspace is read for it.

    Raises:
        StepError: it cannot; the message says which part and why.
    """
    if not step.task.strip():
        raise StepError("the task is empty", hint="Say in a sentence or two what is to be done.")
    if len(step.task) > MAX_TASK_CHARS:
        raise StepError(
            f"the task has {len(step.task):,} characters; at most {MAX_TASK_CHARS:,} are taken",
            hint="Put the material into files and name them in paths.",
        )
    if len(step.context) > MAX_CONTEXT_CHARS:
        raise StepError(f"the context has {len(step.context):,} characters; at most {MAX_CONTEXT_CHARS:,} are taken")
    if len(step.paths) > MAX_PATHS:
        raise StepError(
            f"the step names {len(step.paths):,} paths; at most {MAX_PATHS:,} are taken",
            hint="Name directories or globs instead.",
        )
    if step.effort is not None and step.effort not in tuple(Effort):
        raise StepError(
            f"unknown effort {_shown(step.effort)}", hint=f"One of: {', '.join(effort.value for effort in Effort)}."
        )
    if step.max_output_tokens is not None and step.max_output_tokens < 1:
        raise StepError("max_output_tokens must be at least 1", hint="Leave it out for the model's own limit.")
    _check_names("skill", (step.skill,) if step.skill is not None else ())
    _check_names("model", (step.model,) if step.model is not None else ())
    _check_names("label", step.labels)
    _check_names("data", step.data)
    if step.model is not None and step.model.strip() and "/" not in step.model.strip("/ "):
        raise StepError(
            f"model {_shown(step.model)} names no provider", hint="Write provider/model, as in ollama/qwen2.5-coder."
        )


def known_intents(policy: Policy) -> tuple[str, ...]:
    """Every intent a caller may state: the built-in ones and those that the policy speaks of, sorted."""
    known = {*BUILTIN_INTENTS, *(rule.intent for rule in policy.classification)}
    for rule in policy.rules:
        known.update(rule.match.intent)
    if policy.default_intent:
        known.add(policy.default_intent)
    return tuple(sorted(known))


def _known_intent(stated: str, policy: Policy) -> str:
    wanted = _normal(stated)
    known = known_intents(policy)
    by_name = {_normal(name): name for name in known}
    if wanted in by_name:
        return by_name[wanted]
    near = [by_name[name] for name in difflib.get_close_matches(wanted[:MAX_NAME_CHARS], by_name, n=3, cutoff=0.6)]
    raise StepError(
        f"unknown intent {_shown(stated)}",
        hint=(f"Did you mean {' or '.join(near)}? " if near else "") + f"Known: {', '.join(known)}. Or leave it out.",
    )


def _normal(name: str) -> str:
    return "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())


def _check_names(what: str, names: Sequence[str]) -> None:
    if len(names) > MAX_LABELS:
        raise StepError(f"the step has {len(names):,} values for {what}; at most {MAX_LABELS} are taken")
    for name in names:
        if not name.strip():
            raise StepError(f"an empty {what}", hint=f"Leave {what} out where there is nothing to say.")
        if len(name) > MAX_NAME_CHARS:
            raise StepError(f"a {what} of {len(name):,} characters; at most {MAX_NAME_CHARS} are taken")
        if not name.isprintable():
            raise StepError(f"the {what} {_shown(name)} holds characters that cannot be printed")


def _clean(name: str | None) -> str | None:
    return name.strip() if name is not None else None


def _each_once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in names}))


def _languages(path_facts: Sequence[PathFact]) -> set[str]:
    endings = (posixpath.splitext(name)[1][1:].lower() for fact in path_facts for name in fact.names)
    return {_LANGUAGES[ending] for ending in endings if ending in _LANGUAGES}


def _shown(value: object) -> str:
    text = repr(str(value))
    return text if len(text) <= 80 else text[:76] + "…'"
