"""Each vendor's own setting for how hard a model should think.

Sent only where `Call.reasoning` says that the model takes one and an effort is stated; otherwise the vendor's default
holds. What a model does not know becomes the nearest lesser setting, except where the table says more:

=========================================  ==================================  ========================================
interface and models                       setting                             low, medium, high, xhigh become
=========================================  ==================================  ========================================
OpenAI, chat completions                   ``reasoning_effort``                the same; ``xhigh`` is ``high`` before
OpenAI, responses                          ``reasoning.effort``                GPT-5.2 and for all other models
Anthropic, from Claude 4.7 on              ``output_config.effort``, thinking  the same
                                           ``adaptive``
Anthropic, Claude 4.6                      the same                            ``xhigh`` is ``max``, the next it has
Anthropic, Claude Opus 4.5                 ``output_config.effort``            ``xhigh`` is ``high``
Anthropic, older                           ``thinking.budget_tokens``          1,024  8,192  16,384  32,768
Gemini, from 3 on                          ``thinkingConfig.thinkingLevel``    the same; ``xhigh`` is ``high``, and on
                                                                               Gemini 3 Pro ``medium`` too
Gemini 2.5                                 ``thinkingConfig.thinkingBudget``   1,024  8,192  24,576  24,576; Pro 32,768
Ollama, gpt-oss                            ``think``                           ``low medium high high``
Ollama, all others                         ``think``                           ``false true true true``
=========================================  ==================================  ========================================

From the vendors' references as of November 2026: OpenAI's guide to reasoning, Anthropic's pages on effort and adaptive
thinking, Google's on thinking (whose mapping of efforts to budgets is taken over), Ollama's on thinking. Budgets of
older Claude models are ours: the least that is allowed, then doubled.
"""

from __future__ import annotations

import re
from typing import Any, Final

from smista_mcp.policy.types import Effort

_GPT: Final = re.compile(r"gpt-(\d+)(?:\.(\d+))?(?![\d.])")
_O_SERIES: Final = re.compile(r"(?:^|/)o\d(?:-|$)")
_CLAUDE: Final = re.compile(r"claude-(?:(?P<line>[a-z]+)-)?(?P<major>\d+)(?:[.-](?P<minor>\d{1,2}))?(?!\d)")
_GEMINI: Final = re.compile(r"gemini-(\d+)(?:\.(\d+))?")

_CLAUDE_BUDGETS: Final = {Effort.LOW: 1024, Effort.MEDIUM: 8192, Effort.HIGH: 16384, Effort.XHIGH: 32768}
_CLAUDE_LEAST_BUDGET: Final = 1024
_GEMINI_BUDGETS: Final = {Effort.LOW: 1024, Effort.MEDIUM: 8192, Effort.HIGH: 24576, Effort.XHIGH: 24576}
_GEMINI_PRO_GREATEST: Final = 32768


def is_openai_reasoning(model: str) -> bool:
    """Whether `model` is one of OpenAI's own that always reason (o-series, GPT-5 and later), by its name."""
    return _gpt(model) >= (5, 0) or _O_SERIES.search(model) is not None


def openai_effort(model: str, effort: Effort) -> str:
    """For ``reasoning_effort`` and ``reasoning.effort``."""
    if effort is Effort.XHIGH and _gpt(model) < (5, 2) and "codex-max" not in model:
        return Effort.HIGH.value
    return effort.value


def anthropic_effort(model: str, effort: Effort, max_tokens: int) -> dict[str, Any]:
    """Members of a Messages request. Thinking is asked for in summary, so that a stream shows that it goes on."""
    found = _CLAUDE.search(model.lower())
    version = (int(found["major"]), int(found["minor"] or 0)) if found else (99, 0)
    if version < (4, 5) or (version == (4, 5) and found is not None and found["line"] != "opus"):
        budget = min(_CLAUDE_BUDGETS[effort], max_tokens // 2)
        if budget < _CLAUDE_LEAST_BUDGET:
            return {}  # too little room to think and answer
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    if version == (4, 5):
        return {"output_config": {"effort": "high" if effort is Effort.XHIGH else effort.value}}
    stated = "max" if effort is Effort.XHIGH and version == (4, 6) else effort.value
    return {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": stated}}


def gemini_effort(model: str, effort: Effort) -> dict[str, Any]:
    """For ``thinkingConfig``. Thoughts are asked for in summary, so that a stream shows that they go on."""
    found = _GEMINI.search(model.lower())
    version = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if version < (3, 0):
        greatest = _GEMINI_PRO_GREATEST if effort is Effort.XHIGH and "pro" in model else 0
        return {"includeThoughts": True, "thinkingBudget": max(_GEMINI_BUDGETS[effort], greatest)}
    plain = version == (3, 0) and "pro" in model
    lesser = {Effort.LOW: "low", Effort.MEDIUM: "high" if plain else "medium"}
    return {"includeThoughts": True, "thinkingLevel": lesser.get(effort, "high")}


def ollama_effort(model: str, effort: Effort) -> bool | str:
    """For ``think``."""
    if "gpt-oss" in model:
        return "high" if effort is Effort.XHIGH else effort.value
    return effort is not Effort.LOW


def _gpt(model: str) -> tuple[int, int]:
    found = _GPT.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)
