"""What can be told of a local model from what its server lists: its size, what it is for, how good it may be.

All of it is an estimate and says so. Size decides most about what a local model is good for; the steps are wide
because nothing finer can be told from a number of weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SIZE_SOURCE: Final = "estimated from its size"
NAME_SOURCE: Final = "estimated from the size in its name"
UNKNOWN_SOURCE: Final = "its size is not known; taken for a small model"

_STEPS: Final = ((0.3, 8.0), (2.5, 20.0), (6.0, 27.0), (10.0, 35.0), (20.0, 42.0), (45.0, 52.0), (100.0, 60.0))
"""Below so many billion weights, so much quality."""
_LARGEST: Final = 68.0
_UNKNOWN: Final = 20.0

_CODE_BONUS: Final = 8.0
"""What a model made for code is better by at code than its size says."""
_CODE_INTENTS: Final = ("edit", "debug", "test", "review")
_CODE_NAMES: Final = re.compile(r"coder|codestral|devstral|starcoder|codellama|codegemma|-code\b", re.IGNORECASE)

_NOT_FOR_TEXT: Final = re.compile(
    r"embed|minilm|\bbge-|\bgte-|\be5-|rerank|whisper|\btts\b|-tts\b|stable-diffusion|\bflux\b|guard|moderation",
    re.IGNORECASE,
)
"""Models that servers list beside language models but that do not answer a task: they embed, rank, judge, speak."""

_STATED: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMBT])", re.IGNORECASE)
_EXPERTS: Final = re.compile(r"(?<![\w.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_IN_NAME: Final = re.compile(r"(?<![a-z0-9.])e?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_UNIT: Final[Mapping[str, float]] = MappingProxyType({"k": 1e-6, "m": 1e-3, "b": 1.0, "t": 1e3})


@dataclass(frozen=True, slots=True)
class Estimate:
    """Quality by intent, 0 to 100, and how it came about."""

    quality: Mapping[str, float]
    source: str


def answers_tasks(name: str, capabilities: frozenset[str]) -> bool:
    """Whether a listed model is one that can be given a task.

    Servers that list capabilities are believed; of the others, names that say otherwise are left out.
    """
    if "embedding" in capabilities and "completion" not in capabilities:
        return False
    return _NOT_FOR_TEXT.search(name) is None


def billions(name: str, parameters: str = "") -> float | None:
    """Weights in billions, from what the server states (``7.6B``, ``137M``) or else from the name (``qwen3:8b``).

    A mixture is counted whole (``30b-a3b`` is 30, ``8x7b`` 56); ``None`` where neither says.
    """
    if stated := _STATED.match(parameters):
        return float(stated[1]) * _UNIT[stated[2].lower()]
    if experts := _EXPERTS.search(name):
        return float(experts[1]) * float(experts[2])
    sizes = [float(number) * _UNIT[unit.lower()] for number, unit in _IN_NAME.findall(name)]
    return max(sizes, default=None)


def estimate(name: str, parameters: str = "") -> Estimate:
    """A coarse quality for a model that a local server lists."""
    size = billions(name, parameters)
    if size is None:
        default, source = _UNKNOWN, UNKNOWN_SOURCE
    else:
        default = next((quality for below, quality in _STEPS if size < below), _LARGEST)
        source = SIZE_SOURCE if _STATED.match(parameters) else NAME_SOURCE
    quality = {"default": default}
    if _CODE_NAMES.search(name):
        quality.update(dict.fromkeys(_CODE_INTENTS, default + _CODE_BONUS))
    return Estimate(MappingProxyType(quality), source)
