"""Attacks by what surrounds the program: variables, flags, folders, caches, and servers that are not what they seem."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smista_mcp.catalog.endpoints import plan_providers
from smista_mcp.facts.types import Step
from smista_mcp.policy.layers import PolicyPlaces, load_policy
from smista_mcp.policy.trust import OrganisationPlace
from smista_mcp.providers import discovery
from smista_mcp.providers.discovery import _key
from tests.attacks.ground import CANARY, Ground, chat_server, ollama_server

RESTRICTED = '[privacy]\nrestricted_paths = ["secrets/**"]\n'


# --- where the organisation's policy is


VARIABLES = [
    "HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",
    "SMISTA_POLICY", "SMISTA_CONFIG", "SMISTA_HOME", "SMISTA_ORGANISATION", "SMISTA_ORGANISATION_POLICY", "SMISTA_ROOT",
    "PROGRAMDATA", "ALLUSERSPROFILE", "PREFIX", "ROOT", "TMPDIR", "PWD", "PYTHONHOME_NOT", "APPDATA", "LOCALAPPDATA",
]  # fmt: skip


def test_no_variable_and_no_folder_moves_the_organisations_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = OrganisationPlace.standard()
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert OrganisationPlace.standard() == before
    assert before.directory.is_absolute()
    assert before.owner == 0


async def test_no_flag_names_a_policy(tmp_path: Path) -> None:
    for command in ("delegate", "preview", "serve", "models", "explain"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smista_mcp", command, "--help"), stdout=asyncio.subprocess.PIPE
        )
        shown, _ = await process.communicate()
        flags = {word.strip("[],") for word in shown.decode().split() if word.startswith(("--", "[--"))}
        assert not {flag for flag in flags if "policy" in flag or "config" in flag or "organi" in flag}


async def test_a_user_policy_moved_into_the_repository_frees_nothing(ground: Ground) -> None:
    """As XDG_CONFIG_HOME or HOME would do it: the user's layer is then the attacker's own file."""
    ground.organisation(RESTRICTED)
    ground.put("secrets/key")
    ground.user(
        ground.providers.replace(
            "[providers.ollama]", 'local = true\nvendor = "local"\n[providers.ollama]\nenabled = false'
        )
        + "[privacy]\nrestricted_paths = []\n[overrides]\nallow = true\n"
        + '[routing.default]\nmodel = "cloud/big"\n'
    )
    await ground.attack(Step("Summarize", paths=("secrets/key",), model="cloud/big"))
    assert not ground.cloud.calls


STATED = {
    "local": ("require = { local = true }", "local = true"),
    "region": ('require = { regions = ["DE"] }', 'processing_countries = ["DE"]\nstorage_countries = ["DE"]'),
    "retention": ("require = { zero_retention = true }", "zero_retention = true"),
    "certificate": ('require = { certifications = ["soc2"] }', 'certifications = ["soc2"]'),
    "vendor": ('require = { vendors = ["acme"] }', 'vendor = "acme"'),
    "not that vendor": ('forbid = { vendors = ["evil"] }', 'vendor = "acme"'),
    "latency": ("require = { max_latency_ms = 100 }", "latency_ms = 1"),
}


@pytest.mark.parametrize(("demand", "fact"), STATED.values(), ids=STATED)
async def test_a_user_stating_the_very_fact_that_the_organisation_asks_for(
    ground: Ground, demand: str, fact: str
) -> None:
    ground.organisation(f'[[guardrails]]\nname = "g"\n{demand}\n')
    ground.user(
        ground.providers.replace("[providers.ollama]", f"{fact}\n[providers.ollama]\nenabled = false")
        + f'[models."cloud/big"]\n{fact if "local" not in fact else "context_window = 9000"}\n'
        + '[routing.default]\nmodel = "cloud/big"\n'
    )
    await ground.attack(Step("Say hello"))
    assert not ground.cloud.calls


async def test_a_user_making_a_model_cheap(ground: Ground) -> None:
    ground.organisation(
        '[[guardrails]]\nname = "g"\nrequire = { max_cost = "0.0001" }\n'
        '[models."cloud/big"]\ninput_price = "10"\noutput_price = "10"\n'
    )
    ground.user(
        ground.providers
        + '[models."cloud/big"]\ninput_price = "0"\noutput_price = "0"\n[models."cloud/other"]\ninput_price = "0"\n'
        'output_price = "0"\n[providers.ollama.headers]\n[routing.default]\nmodel = "cloud/big"\n'
        'fallbacks = ["cloud/other"]\n'.replace("[providers.ollama.headers]\n", "")
    )
    await ground.attack(Step("Say hello"))
    assert not ground.cloud.calls


# --- where a provider is


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OPENAI_API_BASE", "OLLAMA_HOST", "ANTHROPIC_BASE_URL"])
async def test_a_variable_that_moves_an_endpoint_takes_no_facts_along(ground: Ground, variable: str) -> None:
    provider = variable.partition("_")[0].lower()
    facts = 'processing_countries = ["DE"]\nstorage_countries = ["DE"]\nzero_retention = true\n'
    ground.organisation(
        f'[[guardrails]]\nname = "g"\nrequire = {{ regions = ["DE"], zero_retention = true }}\n'
        f'[models."{provider}/big"]\n{facts}'
    )
    ground.user(f'[routing.default]\nmodel = "{provider}/big"\n')
    environment = {variable: f"{ground.cloud.url}/v1", "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    await ground.attack(Step(f"Say {CANARY}"), environment)
    assert not ground.cloud.canary


@pytest.mark.parametrize("declared_by", ["organisation", "user"])
async def test_a_variable_that_moves_what_was_declared_local(ground: Ground, declared_by: str) -> None:
    ground.put("secrets/key")
    ground.user('[routing.default]\nmodel = "ollama/small"\n')
    if declared_by == "organisation":
        ground.organisation(RESTRICTED + "[providers.ollama]\nlocal = true\n")
    else:
        ground.user('[routing.default]\nmodel = "ollama/small"\n[providers.ollama]\nlocal = true\n' + RESTRICTED)
    await ground.attack(Step("Summarize", paths=("secrets/key",)), {"OLLAMA_HOST": ground.cloud.url})
    assert not ground.cloud.canary


async def test_a_variable_does_not_move_what_the_organisation_speaks_of(ground: Ground) -> None:
    ground.organisation("[providers.ollama]\nlocal = true\n")
    ground.user('[routing.default]\nmodel = "ollama/small"\n')
    await ground.attack(Step("Say hello"), {"OLLAMA_HOST": ground.ollama.url})
    assert not ground.ollama.calls


async def test_a_user_moving_what_the_organisation_declared_local(ground: Ground) -> None:
    ground.put("secrets/key")
    ground.organisation(RESTRICTED + '[providers.lmstudio]\nlocal = true\n[models."lmstudio/big"]\nvendor = "local"\n')
    ground.user(
        f'[providers.lmstudio]\nbase_url = "{ground.cloud.url}/v1"\n[routing.default]\nmodel = "lmstudio/big"\n'
    )
    await ground.attack(Step("Summarize", paths=("secrets/key",)))
    assert not ground.cloud.canary


# --- where the workspace begins


async def test_starting_inside_the_restricted_folder(ground: Ground) -> None:
    ground.organisation(RESTRICTED)
    ground.put(".git/HEAD", "ref: refs/heads/main\n")
    ground.put("secrets/key")
    await ground.attack(Step("Summarize", paths=("key",)), start=ground.workspace / "secrets")
    assert not ground.cloud.canary


@pytest.mark.parametrize("marker", [".git/HEAD", ".smista/policy.toml", ".git"])
async def test_making_the_restricted_folder_a_workspace_of_its_own(ground: Ground, marker: str) -> None:
    ground.organisation(RESTRICTED)
    ground.put(".git/HEAD", "ref: refs/heads/main\n")
    ground.put("secrets/key")
    ground.put(f"secrets/{marker}", "")
    await ground.attack(Step("Summarize", paths=("key", ".")), start=ground.workspace / "secrets")
    assert not ground.cloud.canary


async def test_a_repository_within_a_repository_keeps_the_outer_ones_labels(ground: Ground) -> None:
    ground.organisation(
        '[[repositories]]\nremote = "github.com/acme/payments"\nlabels = ["regulated"]\n'
        '[[guardrails]]\nname = "g"\nlabels = ["regulated"]\nrequire = { local = true }\n'
    )
    ground.put(".git/HEAD", "ref: refs/heads/main\n")
    ground.put(".git/config", '[remote "origin"]\n\turl = git@github.com:acme/payments.git\n')
    ground.put("src/.git/HEAD", "ref: refs/heads/main\n")
    ground.put("src/.git/config", "")
    ground.put("src/a.py")
    await ground.attack(Step("Summarize", paths=("a.py",)), start=ground.workspace / "src")
    assert not ground.cloud.canary


# --- what is local


async def test_a_cloud_model_behind_a_local_ollama(ground: Ground) -> None:
    ground.put("secrets/key")
    ground.organisation(RESTRICTED)
    cloud: list[dict[str, Any]] = [
        {"name": "far", "remote_host": "https://ollama.com:443"},
        {"name": "further", "remote_model": "further"},
        {"name": "big:120b-cloud"},
        {"name": "gemma:cloud"},
    ]
    async with ollama_server(*cloud) as server:
        for model in cloud:
            ground.user(
                f'[providers.ollama]\nbase_url = "{server.url}"\n[routing.default]\nmodel = "ollama/{model["name"]}"\n'
            )
            await ground.attack(Step("Summarize", paths=("secrets/key",)))
        assert server.requests
        assert not server.calls


async def test_a_gateway_on_this_machine(ground: Ground) -> None:
    ground.put("secrets/key")
    ground.organisation(RESTRICTED)
    async with chat_server("big") as gateway:
        for table in (
            f'[providers.llamacpp]\nbase_url = "{gateway.url}/v1"\n[routing.default]\nmodel = "llamacpp/big"\n',
            f'[providers.vllm]\nbase_url = "{gateway.url}/v1"\n[routing.default]\nmodel = "vllm/big"\n',
            f'[providers.ollama]\nbase_url = "{gateway.url}"\n[routing.default]\nmodel = "ollama/big"\n',
            f'[providers.lmstudio]\nbase_url = "{gateway.url}/v1"\n[routing.default]\nmodel = "lmstudio/big"\n',
        ):
            ground.user(table)
            await ground.attack(Step("Summarize", paths=("secrets/key",)))
        assert gateway.requests
        assert not gateway.calls


async def test_a_gateway_on_a_path_of_a_real_ollama(ground: Ground) -> None:
    ground.put("secrets/key")
    ground.organisation(RESTRICTED)
    url = f"{ground.ollama.url}/proxy/openai/v1"
    ground.user(f'[providers.llamacpp]\nbase_url = "{url}"\n[routing.default]\nmodel = "llamacpp/small"\n')
    await ground.attack(Step("Summarize", paths=("secrets/key",)))
    assert not ground.ollama.calls


async def test_a_gateway_that_imitates_ollama_answer_for_answer_passes_for_it(ground: Ground) -> None:
    """Stated in docs/security.md: whoever runs such a thing declares `local = false` for it."""
    ground.put("secrets/key")
    ground.organisation(RESTRICTED)
    ground.user(f'[providers.ollama]\nbase_url = "{ground.ollama.url}"\n[routing.default]\nmodel = "ollama/small"\n')
    await ground.attack(Step("Summarize", paths=("secrets/key",)))
    assert ground.ollama.canary
    ground.ollama.calls.clear()
    ground.organisation(RESTRICTED + "[providers.ollama]\nlocal = false\n")
    await ground.attack(Step("Summarize", paths=("secrets/key",)))
    assert not ground.ollama.calls


async def test_a_cache_that_was_written_to_make_a_gateway_local(ground: Ground, tmp_path: Path) -> None:
    ground.put("secrets/key")
    ground.organisation(RESTRICTED)
    cache = tmp_path / "cache"
    ground.user(
        f'[providers.llamacpp]\nbase_url = "{ground.cloud.url}/v1"\n[routing.default]\nmodel = "llamacpp/big"\n'
    )
    cache.mkdir()
    builtin = Path(__file__).parents[2] / "policies" / "default.toml"
    policy = load_policy(PolicyPlaces(ground.organisation_place, None, ground.user_file, builtin)).policy
    reach = next(one for one in plan_providers(policy, {}) if one.id == "llamacpp")
    forged = {
        "at": datetime.now(UTC).isoformat(),
        "reachable": True,
        "kind": "llamacpp",
        "own": True,
        "pinned": ground.cloud.url,
        "models": [["big", 9000, "", False, []]],
        "problem": "",
    }
    for version, table in ((1, "findings"), (2, "silent")):
        (cache / "discovery.json").write_text(json.dumps({"version": version, table: {_key(reach): forged}}))
        discovery._REMEMBERED.clear()
        await ground.attack(Step("Summarize", paths=("secrets/key",)), cache_dir=cache)
    assert ground.cloud.requests
    assert not ground.cloud.canary


async def test_a_proxy_of_the_environment_sees_nothing_of_a_local_model(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat_server("proxy") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        ground.user(ground.providers + '[routing.default]\nmodel = "ollama/small"\n')
        await ground.attack(Step(f"Say {CANARY}"), dict(os.environ))
        assert not proxy.connections
    assert ground.ollama.canary
