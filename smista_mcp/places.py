"""Where things are kept on this machine.

Everything a user owns follows the platform's conventions through ``platformdirs`` (so ``XDG_*`` variables
are honoured on Linux). The organisation's policy is *not* here: its place is compiled in
(`smista_mcp.policy.trust`), and nothing a user sets can move it.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

_APP = "smista"


def user_policy() -> Path:
    """The user's own policy file, e.g. ``~/.config/smista/policy.toml``."""
    return platformdirs.user_config_path(_APP, appauthor=False) / "policy.toml"


def find_workspace(start: Path) -> Path:
    """The workspace that `start` belongs to: the nearest folder from it upwards with a policy of its own, else the
    nearest with a ``.git``, else `start` itself. So a step from a subfolder is under the repository's policy."""
    here = start.resolve()
    upwards = (here, *here.parents)
    for marker in (Path(".smista") / "policy.toml", Path(".git")):
        for folder in upwards:
            if (folder / marker).exists():
                return folder
    return here


def workspace_policy(workspace: Path) -> Path:
    """The policy file kept in a repository: ``.smista/policy.toml`` below `workspace`."""
    return workspace / ".smista" / "policy.toml"


def data_dir() -> Path:
    """Large files that are fetched once and shared by later runs: the embedded model's weights."""
    return platformdirs.user_data_path(_APP, appauthor=False)


def state_dir() -> Path:
    """The ledger."""
    return platformdirs.user_state_path(_APP, appauthor=False)


def cache_dir() -> Path:
    """What may be deleted at any time: what discovery found a moment ago."""
    return platformdirs.user_cache_path(_APP, appauthor=False)


def shipped_policies() -> Path:
    """The folder of policies to start from: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "policies"
    return inside if inside.is_dir() else here.parent / "policies"


def ledger_file() -> Path:
    """The ledger: decisions, runs and attempts of this user."""
    return state_dir() / "ledger.sqlite3"
