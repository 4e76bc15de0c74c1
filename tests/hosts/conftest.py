"""The tests in the real hosts. They need npm and, the first time, its registry, so they run only when asked for:

    uv run pytest tests/hosts

SMISTA_HOSTS_DIR says where the hosts are installed and kept (default: this user's cache folder).
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from tests.hosts.agents import Session, installed
from tests.server.process import Home


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect these tests only where the command line names them."""
    named = any("hosts" in Path(word.partition("::")[0]).parts for word in config.invocation_params.args)
    return None if named else True


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of both hosts' programs."""
    default = platformdirs.user_cache_path("smista-hosts", appauthor=False)
    return installed(Path(os.environ.get("SMISTA_HOSTS_DIR", default)))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Folders of a user who has nothing configured."""
    return Home(tmp_path)


@pytest.fixture
def session(programs: Path, home: Home, tmp_path: Path) -> Session:
    """That user, with our server registered in both hosts."""
    return Session(programs, tmp_path, home.environment, home.workspace)
