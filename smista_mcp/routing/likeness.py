"""Under which names a forbidden model might still be reached: another spelling, a dated version, an id of one's own.

A list of models that are *required* is exact. One of models that are *forbidden* is not: who wants to use
``openai/gpt-5`` all the same writes ``openai/GPT-5``, ``openai/gpt-5-2025-08-07``, ``ollama/qwen3:latest``, or gives
the vendor's own address another provider's name. All of these are forbidden with it. What is not: the same model at
another vendor or behind a gateway, which only a guardrail on ``vendors`` can name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from smista_mcp.catalog.identity import same_model
from smista_mcp.catalog.types import Catalog, Deployment
from smista_mcp.policy.types import Group


class Likeness:
    """Answers for one catalog which deployments a forbidden name means."""

    def __init__(self, catalog: Catalog, groups: Mapping[str, Group]) -> None:
        self._groups = groups
        self._by_provider: dict[str, dict[str, Deployment]] = {}
        for deployment in catalog.deployments:
            for provider in {_plain(deployment.provider), _plain(deployment.vendor or deployment.provider)}:
                self._by_provider.setdefault(provider, {})[deployment.id] = deployment
        self._found: dict[str, frozenset[str]] = {}

    def meant(self, names: Iterable[str]) -> frozenset[str]:
        """The ids of all deployments that `names` (``provider/model``, with ``*`` at its end, groups) may mean."""
        return frozenset(one for name in names for one in self._meant(name))

    def _meant(self, name: str) -> frozenset[str]:
        found = self._found.get(name)
        if found is None:
            group = self._groups.get(name)
            models = (name,) if group is None else group.models
            found = self._found[name] = frozenset(one for model in models for one in self._of_one(model))
        return found

    def _of_one(self, name: str) -> Iterable[str]:
        provider, _, model = _plain(name).partition("/")
        for identity, deployment in self._by_provider.get(provider, {}).items():
            if identity == name or _is(model, deployment):
                yield identity


def _is(model: str, deployment: Deployment) -> bool:
    names = [_plain(one) for one in (deployment.model, deployment.id.partition("/")[2], *deployment.aliases)]
    if model.endswith("*"):
        return any(one.startswith(model[:-1]) for one in names)
    return any(same_model(model, one) for one in names)


def _plain(name: str) -> str:
    """`name` without what a server or a reader may pass over: case, width, invisible characters, empty parts."""
    seen = (char for char in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(char) != "Cf")
    parts = [part.strip() for part in "".join(seen).split("/")]
    return "/".join(part for part in parts if part not in ("", "."))
