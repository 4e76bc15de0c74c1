"""Where each platform keeps the organisation's policy: compiled in, whatever the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from smista_mcp.policy import trust, trust_windows


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "/etc/smista"),
        ("darwin", "/Library/Application Support/Smista"),
        ("win32", "/the known folder/Smista"),
    ],
)
def test_each_platform_has_one_place_that_no_variable_moves(
    platform: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "ProgramData", "PROGRAMDATA", "SMISTA_POLICY"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setattr(trust.sys, "platform", platform)
    # What Windows itself answers; there is no such folder here to ask for.
    monkeypatch.setattr(trust_windows, "program_data", lambda: Path("/the known folder"), raising=False)
    place = trust.OrganisationPlace.standard()
    assert place.directory == Path(folder)
    assert place.owner == 0
