"""The organisation's policy is believed only where nobody but the administrator can have written it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError, PolicyUntrustedError
from smista_mcp.policy.check import check_places
from smista_mcp.policy.layers import OrganisationPlace, load_policy
from smista_mcp.policy.trust import MOST_FILES
from tests.policy.files import Places

RULE = '[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\n'


def refused(places: Places) -> PolicyUntrustedError:
    with pytest.raises(PolicyUntrustedError) as caught:
        load_policy(places.policies)
    assert "administrator" in caught.value.hint
    assert caught.value.findings
    return caught.value


def test_a_file_of_the_administrators_is_believed(places: Places) -> None:
    places.organisation(RULE)

    assert load_policy(places.policies).policy.rules[0].place.file.endswith("etc/smista/policy.toml")


def test_no_file_no_folder_and_no_root_mean_no_policy(places: Places) -> None:
    assert places.policies.organisation.read() == ()

    places.policies.organisation.directory.mkdir(parents=True)
    assert places.policies.organisation.read() == ()

    (places.policies.organisation.directory / "policy.d").mkdir()
    assert places.policies.organisation.read() == ()


@pytest.mark.parametrize("name", ["policy.toml", "policy.d/a.toml"])
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_not(name: str, mode: int, places: Places) -> None:
    places.organisation(RULE, name).chmod(mode)

    assert "can be written by others" in str(refused(places))


@pytest.mark.parametrize("folder", ["", "etc", "etc/smista", "etc/smista/policy.d"])
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_nor_is_one_below_a_folder_that_others_may_write(folder: str, mode: int, places: Places) -> None:
    places.organisation(RULE)
    places.organisation("", "policy.d/a.toml")
    at = places.root / "machine" / folder
    at.chmod(mode)

    error = refused(places)

    assert str(at) in str(error)
    assert "can be written by others" in str(error)


def test_nor_is_one_that_belongs_to_somebody_else(places: Places) -> None:
    places.organisation(RULE)
    place = places.policies.organisation
    elsewhere = OrganisationPlace(root=place.root, owner=place.owner + 1, parts=place.parts)

    with pytest.raises(PolicyUntrustedError, match="belongs to user"):
        elsewhere.read()


@pytest.mark.parametrize("folder", ["", "etc", "etc/smista", "etc/smista/policy.d"])
def test_nor_is_one_below_a_folder_that_does(folder: str, places: Places) -> None:
    if os.getuid() != 0:
        return  # only the administrator can give a folder away; the test above shows the same check
    places.organisation(RULE)
    places.organisation("", "policy.d/a.toml")
    os.chown(places.root / "machine" / folder, 12345, -1)

    assert "belongs to user 12345" in str(refused(places))


@pytest.mark.parametrize("part", ["etc", "etc/smista", "etc/smista/policy.toml", "etc/smista/policy.d"])
def test_links_are_not_followed(part: str, places: Places) -> None:
    places.organisation(RULE)
    places.organisation("", "policy.d/a.toml")
    at = places.root / "machine" / part
    moved = at.with_name(at.name + "-moved")
    at.rename(moved)
    at.symlink_to(moved)

    assert "is a link" in str(refused(places))


def test_a_link_that_leads_nowhere_is_no_missing_file(places: Places) -> None:
    places.organisation(RULE).unlink()
    (places.policies.organisation.directory / "policy.toml").symlink_to("nowhere")

    assert "is a link" in str(refused(places))


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_regular_file_is_refused(kind: str, places: Places) -> None:
    path = places.organisation(RULE)
    path.unlink()
    path.mkdir(mode=0o755) if kind == "folder" else os.mkfifo(path, 0o644)

    assert "is not a regular file" in str(refused(places))


def test_a_file_where_the_folder_should_be_is_refused(places: Places) -> None:
    directory = places.policies.organisation.directory
    directory.parent.mkdir(parents=True)
    directory.write_text(RULE)

    assert "is not a folder" in str(refused(places))


def test_too_many_files_are_refused(places: Places) -> None:
    for number in range(MOST_FILES + 1):
        places.organisation("", f"policy.d/{number:03}.toml")

    assert "more than" in str(refused(places))


def test_a_wrong_policy_of_the_organisations_refuses_everything(places: Places) -> None:
    places.organisation("nonsense")

    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)

    assert not isinstance(caught.value, PolicyUntrustedError)
    assert "administrator" in caught.value.hint


def test_one_that_is_not_believed_does_not_hide_what_else_is_wrong(places: Places) -> None:
    places.organisation(RULE).chmod(0o666)
    places.user("[polcy]\n")

    codes = [getattr(finding, "code", "") for finding in refused(places).findings]

    assert codes == ["untrusted", "unknown_key"]
    assert [finding.code for finding in check_places(places.policies)] == codes


def test_nothing_that_a_user_sets_moves_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = OrganisationPlace.standard()
    for name in ("HOME", "PROGRAMDATA", "ProgramData", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "ALLUSERSPROFILE", "ETC"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert OrganisationPlace.standard() == before
    if sys.platform == "linux":
        assert before.directory == Path("/etc/smista")
        assert before.owner == 0
