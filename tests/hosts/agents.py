"""The real Claude Code and Codex, without a screen, without the internet and without anything of this user's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.hosts.model import ScriptedModel

PACKAGES: Final = ("@anthropic-ai/claude-code@2.1.330", "@openai/codex@0.169.0")
"""The versions that docs/hosts.md speaks of."""
EXAMPLES: Final = Path(__file__).parents[2] / "examples"
PROMPT: Final = "Do the step."
_SECONDS: Final = 180


def installed(folder: Path) -> Path:
    """The folder of both programs, installed with npm below `folder` unless they are there already."""
    programs = folder / "node_modules" / ".bin"
    if not all((programs / name).exists() for name in ("claude", "codex")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *PACKAGES], cwd=folder, check=True)
    return programs


@dataclass(frozen=True)
class Agent:
    """One way in which a host offers tools to its model."""

    name: str
    host: str
    model: str | None = None


AGENTS: Final = (
    Agent("claude", "claude"),
    Agent("codex with functions", "codex", "scripted-model"),
    Agent("codex with tool search", "codex", "gpt-5.5"),
    Agent("codex with code mode", "codex", "gpt-6.1-sol"),
)
"""Codex chooses the way by the model's name; one that it does not know is offered plain functions."""


class Session:
    """A user of both hosts who has registered our server with the files in ``examples/``."""

    def __init__(self, programs: Path, root: Path, environment: dict[str, str], workspace: Path) -> None:
        self._programs = programs
        self._root = root
        self._workspace = workspace
        nowhere = "http://127.0.0.1:9"
        path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        self._environment = {
            **environment,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": path,
            "TMPDIR": str(root),
            "CLAUDE_CONFIG_DIR": str(root / "claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CODEX_HOME": str(root / "codex"),
            "SCRIPTED_KEY": "none",
        }
        (root / "codex").mkdir()

    def converse(self, agent: Agent, model: ScriptedModel) -> str:
        """One conversation with `agent`, whose model is `model`; what the agent said at the end."""
        if agent.host == "claude":
            return self._claude(model)
        return self._codex(agent, model)

    def command(self, *words: str) -> str:
        """Run one of the hosts' own commands; what it printed."""
        done = subprocess.run(
            [str(self._programs / words[0]), *words[1:]],
            cwd=self._workspace,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def _claude(self, model: ScriptedModel) -> str:
        self._environment |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "none"}
        registration = self._root / "mcp.json"
        shutil.copy(EXAMPLES / "claude-code" / ".mcp.json", registration)
        said = self.command(
            *("claude", "-p", PROMPT, "--mcp-config", str(registration), "--strict-mcp-config"),
            *("--allowedTools", "mcp__smista", "--output-format", "json"),
        )
        return str(json.loads(said)["result"])

    def _codex(self, agent: Agent, model: ScriptedModel) -> str:
        registration = (EXAMPLES / "codex" / "config.toml").read_text(encoding="utf-8")
        (self._root / "codex" / "config.toml").write_text(
            f'model = "{agent.model}"\nmodel_provider = "scripted"\napproval_policy = "never"\n'
            f'sandbox_mode = "read-only"\ncheck_for_update_on_startup = false\nweb_search = "disabled"\n'
            f"[analytics]\nenabled = false\n[features]\napps = false\nplugins = false\n"
            f'[model_providers.scripted]\nname = "scripted"\nbase_url = "{model.url}/v1"\nwire_api = "responses"\n'
            f'env_key = "SCRIPTED_KEY"\nsupports_websockets = false\n{registration}',
            encoding="utf-8",
        )
        said = self.command("codex", "exec", "--json", "--skip-git-repo-check", PROMPT)
        items = [json.loads(line).get("item", {}) for line in said.splitlines()]
        return str([item["text"] for item in items if item.get("type") == "agent_message"][-1])
