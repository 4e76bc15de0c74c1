"""Editions of the organisation's policy only rise, and one that is required does not go missing unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError, PolicyUntrustedError
from smista_mcp.policy.check import check_places
from smista_mcp.policy.editions import RECORD
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.layers import OrganisationPlace, PolicyPlaces, load_policy
from tests.policy.files import Places


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "smista"


def edition(serial: int | None, *more: str) -> str:
    return "\n".join(
        ["[policy]", 'owner = "platform@acme.example"', *([f"serial = {serial}"] if serial else []), *more]
    )


def refused(places: Places, state: Path) -> PolicyUntrustedError:
    with pytest.raises(PolicyUntrustedError) as caught:
        load_policy(places.policies, state_dir=state)
    return caught.value


def test_a_later_edition_is_taken_and_an_earlier_one_is_refused(places: Places, state: Path) -> None:
    for serial in (7, 7, 9):
        places.organisation(edition(serial))
        assert load_policy(places.policies, state_dir=state).policy.serial == serial

    places.organisation(edition(8))
    error = refused(places, state)

    assert "edition 8" in str(error)
    assert "edition 9 was seen" in str(error)
    assert "platform@acme.example" in error.hint
    (finding,) = [one for one in error.findings if isinstance(one, Finding)]
    assert (finding.code, finding.place.line) == ("older_edition", 3)

    places.organisation(edition(10))
    assert load_policy(places.policies, state_dir=state).policy.serial == 10


def test_what_was_refused_is_not_remembered(places: Places, state: Path) -> None:
    places.organisation(edition(9))
    load_policy(places.policies, state_dir=state)
    places.organisation(edition(3))
    refused(places, state)
    before = (state / RECORD).read_bytes()
    places.organisation(edition(99, "x = 1"))
    with pytest.raises(PolicyError, match="1 error in one file"):
        load_policy(places.policies, state_dir=state)

    assert (state / RECORD).read_bytes() == before


def test_an_older_edition_does_not_undo_that_there_has_to_be_one(places: Places, state: Path) -> None:
    path = places.organisation(edition(9, "required = true"))
    load_policy(places.policies, state_dir=state)
    places.organisation(edition(3))
    refused(places, state)
    path.unlink()

    assert "not there any more" in str(refused(places, state))


def test_an_edition_without_a_number_is_older_than_any(places: Places, state: Path) -> None:
    places.organisation(edition(None))
    load_policy(places.policies, state_dir=state)
    places.organisation(edition(1))
    load_policy(places.policies, state_dir=state)
    places.organisation(edition(None))

    assert "states no `serial`" in str(refused(places, state))


def test_each_file_counts_for_itself_and_other_layers_do_not_count(places: Places, state: Path) -> None:
    places.organisation(edition(9))
    places.organisation("[policy]\nserial = 9\n", "policy.d/a.toml")
    places.user("[policy]\nserial = 9\n")
    load_policy(places.policies, state_dir=state)
    places.user("[policy]\nserial = 1\n")
    load_policy(places.policies, state_dir=state)
    places.organisation("[policy]\nserial = 8\n", "policy.d/a.toml")

    error = refused(places, state)

    assert [Path(one.place.file).name for one in error.findings if isinstance(one, Finding)] == ["a.toml"]


def test_without_a_place_to_remember_nothing_is_refused(places: Places) -> None:
    for serial in (9, 3):
        places.organisation(edition(serial))
        assert load_policy(places.policies).policy.serial == serial


def test_a_policy_that_says_it_is_required_may_not_go_missing(places: Places, state: Path) -> None:
    path = places.organisation(edition(1, "required = true"))
    load_policy(places.policies, state_dir=state)
    path.unlink()

    error = refused(places, state)

    assert "platform@acme.example" in error.hint
    assert [one.code for one in check_places(places.policies, state_dir=state)] == ["required_missing"]

    places.organisation(edition(2))
    load_policy(places.policies, state_dir=state)
    path.unlink()
    assert load_policy(places.policies, state_dir=state).policy.name == "built-in"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"serials": 5, "required": {}}', b'{"serials": {"a": "x"}, "required": {}}',
                b"\xff", b"[" * 100_000, b'{"serials": {"a": 1}}'],
)  # fmt: skip
def test_a_spoiled_record_begins_anew_and_says_so(content: bytes, places: Places, state: Path) -> None:
    state.mkdir(parents=True)
    (state / RECORD).write_bytes(content)
    places.organisation(edition(4))

    result = load_policy(places.policies, state_dir=state)

    assert [one.code for one in result.findings] == ["editions_unknown"]
    assert list(json.loads((state / RECORD).read_text())["serials"].values()) == [4]
    assert load_policy(places.policies, state_dir=state).findings == ()


def test_a_record_that_cannot_be_written_is_said_and_stops_nothing(places: Places, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    places.organisation(edition(4))

    result = load_policy(places.policies, state_dir=tmp_path / "file" / "smista")

    assert {one.code for one in result.findings} == {"editions_unknown"}


def test_checking_remembers_nothing(places: Places, state: Path) -> None:
    places.organisation(edition(4))

    assert check_places(places.policies, state_dir=state) == ()
    assert not state.exists()


def test_no_half_written_record_is_left_behind(places: Places, state: Path) -> None:
    places.organisation(edition(4))
    load_policy(places.policies, state_dir=state)

    assert [path.name for path in state.iterdir()] == [RECORD]


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_a_marker_demands_a_policy(kind: str, places: Places) -> None:
    directory = places.organisation("").parent
    (directory / "policy.toml").unlink()
    assert load_policy(places.policies)
    marker = directory / "required"
    if kind == "file":
        marker.write_text("")
    elif kind == "folder":
        marker.mkdir()
    else:
        marker.symlink_to("nowhere")

    with pytest.raises(PolicyUntrustedError, match="is required on this machine") as caught:
        load_policy(places.policies)
    assert "administrator" in caught.value.hint
    assert [one.code for one in check_places(places.policies)] == ["untrusted"]

    places.organisation("")
    assert load_policy(places.policies)


def test_an_installation_may_demand_a_policy_although_its_folder_is_not_there(places: Places) -> None:
    place = places.policies.organisation
    demanding = OrganisationPlace(root=place.root, owner=place.owner, parts=place.parts, required=True)
    policies = PolicyPlaces(demanding, None, None, places.policies.builtin)

    with pytest.raises(PolicyUntrustedError, match="is required on this machine"):
        load_policy(policies)


def test_this_installation_demands_none() -> None:
    assert OrganisationPlace.standard().required is False
