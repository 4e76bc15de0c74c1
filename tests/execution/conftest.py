"""An engine of its own for each test: its folders, its policy, no one else's environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from smista_mcp import places
from smista_mcp.execution.engine import Engine
from smista_mcp.policy.layers import PolicyPlaces
from smista_mcp.policy.trust import OrganisationPlace

MakeEngine = Callable[..., Engine]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite3"


@pytest.fixture
def make_engine(tmp_path: Path, workspace: Path, ledger_file: Path) -> MakeEngine:
    """An engine under the user policy given as text (and the built-in one), with no organisation."""

    def make(policy: str, environment: Mapping[str, str] | None = None) -> Engine:
        user = tmp_path / "policy.toml"
        user.write_text(policy, encoding="utf-8")
        return Engine(
            workspace,
            PolicyPlaces(
                organisation=OrganisationPlace(root=tmp_path / "nowhere"),
                workspace=places.workspace_policy(workspace),
                user=user,
                builtin=places.shipped_policies() / "default.toml",
            ),
            environment=environment or {},
            ledger_file=ledger_file,
            cache_dir=None,
        )

    return make
