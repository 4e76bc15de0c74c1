"""What is bound to a step by trusted configuration, and what only a repository claims."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.facts.bound import bound_attributes
from smista_mcp.facts.gather import gather
from smista_mcp.facts.session import SessionFacts
from smista_mcp.facts.types import ATTRIBUTES, UNKNOWN_REPO, Attributes, Step, Values
from smista_mcp.policy.types import Identity, Layer, Place, Policy, Repository

HERE = Place("policy.toml", 1)
HOME = PurePosixPath("/home/me")
WORK = PurePosixPath("/home/me/work/acme/pay")
ACME = "github.com/acme/pay"
SINGLE = ("tier", "tenant", "team", "workload")


def entry(layer: Layer = Layer.ORGANISATION, order: int = 0, **stated: object) -> Repository:
    return Repository(layer, order, HERE, **stated)  # type: ignore[arg-type]


def policy(*entries: Repository, identity: Identity | None = None) -> Policy:
    return Policy("p", "0", repositories=entries, identity=identity or Identity())


def known(
    *entries: Repository, remotes: Sequence[str] = (ACME,), identity: Identity | None = None, work: PurePosixPath = WORK
) -> Attributes:
    return bound_attributes(policy(*entries, identity=identity), remotes, work, HOME)


def bound(*values: str) -> Values:
    return Values(bound=frozenset(values))


def observed(*values: str) -> Values:
    return Values(observed=frozenset(values))


def test_who_i_am_is_bound() -> None:
    found = known(identity=Identity("me", "core", "acme", "gold", "batch"), remotes=())
    assert (found.user, found.team, found.tenant) == (bound("me"), bound("core"), bound("acme"))
    assert (found.tier, found.workload) == (bound("gold"), bound("batch"))
    assert (found.labels, found.data, found.repo) == (Values(), Values(), Values())


def test_a_folder_binds_and_a_remote_only_narrows() -> None:
    stated = {"labels": ("pci",), "data": ("regulated",), "tier": "platinum", "team": "pay"}
    by_folder = known(entry(path=("~/work/acme",), **stated))
    assert (by_folder.labels, by_folder.data) == (bound("pci"), bound("regulated"))
    assert (by_folder.tier, by_folder.team, by_folder.tenant) == (bound("platinum"), bound("pay"), Values())
    by_remote = known(entry(remote=("github.com/ACME/*",), **stated))
    assert (by_remote.labels, by_remote.data) == (observed("pci"), observed("regulated"))
    assert (by_remote.tier, by_remote.team, by_remote.tenant) == (observed("platinum"), observed("pay"), Values())
    by_both = known(entry(remote=("github.com/acme/*",), path=("/home/me/work",), **stated))
    assert by_both == by_folder


def test_the_remotes_are_observed_and_nothing_more() -> None:
    found = known(entry(remote=(ACME,), path=("/",)), remotes=(ACME, "h.example/x/y"))
    assert found.repo == observed(ACME, "h.example/x/y")


@pytest.mark.parametrize(
    "folder",
    [
        *("/", "/home", "/home/me/work/acme/pay", "~", "~/", "~/work/", "/home/*/work", "~/w*k/[ab]cme"),
        *("/**/pay", "/home/**/acme", "/**", "~/**/**/pay", "/home/./me"),
    ],
)
def test_folders_that_hold_the_workspace(folder: str) -> None:
    assert known(entry(path=("/nowhere", folder), tier="x"), remotes=()).tier == bound("x")


@pytest.mark.parametrize(
    "folder",
    [
        *("~/work/acme/pay/deeper", "/home/me/wor", "/home/*/acme", "~/work/?", "work", "*", "~me/work", "~other", ""),
        *("/home/me/work/../x", "/**/pay/**/x", "~/work/acme/pa"),
    ],
)
def test_folders_that_do_not(folder: str) -> None:
    assert known(entry(path=(folder,), tier="x", labels=("y",)), remotes=()) == Attributes()


def test_a_folder_in_another_case_only_narrows() -> None:
    found = known(entry(path=("/Home/Me/Work",), tier="x", labels=("y",)), remotes=())
    assert (found.tier, found.labels) == (observed("x"), observed("y"))


def test_in_the_name_of_the_home_folder_nothing_is_special() -> None:
    home, other = PurePosixPath("/home/m[ae]"), PurePosixPath("/home/ma/x")
    stated = policy(entry(path=("~/x",), tier="x"))
    assert bound_attributes(stated, (), home / "x", home).tier == bound("x")
    assert bound_attributes(stated, (), other, home).tier == Values()


def test_the_forms_of_unicode_are_one() -> None:
    found = known(entry(path=("~/cafe\u0301",), tier="x"), work=HOME / "caf\xe9")
    assert found.tier == bound("x")


def test_windows_folders_are_written_either_way() -> None:
    work, home = PureWindowsPath(r"C:\Users\me\work\pay"), PureWindowsPath(r"C:\Users\me")
    for folder in (r"C:\Users\me\work", "C:/Users/*/work", r"~\work", "~/work"):
        assert bound_attributes(policy(entry(path=(folder,), tier="x")), (), work, home).tier == bound("x")
    assert bound_attributes(policy(entry(path=("D:/Users",), tier="x")), (), work, home).tier == Values()


def test_which_repository_cannot_be_told_so_it_may_be_any_that_is_spoken_of() -> None:
    found = known(entry(remote=("h.example/*",), labels=("pci",)), remotes=(UNKNOWN_REPO,))
    assert found.labels == observed("pci")


def test_the_organisation_comes_before_identity_and_the_user_after_it() -> None:
    ours = entry(path=("/",), team="ours")
    mine = entry(Layer.USER, path=("/",), team="mine", labels=("l",))
    me = Identity(team="me")
    assert known(ours, mine, identity=me).team == bound("ours")
    assert known(mine, identity=me).team == bound("me")
    assert known(ours, entry(path=("/",), team="later")).team == bound("ours")
    assert known(ours, mine, identity=me).labels == bound("l")


def test_a_workspaces_own_policy_binds_nothing() -> None:
    found = known(entry(Layer.WORKSPACE, path=("/",), tier="platinum", labels=("x",)))
    assert (found.tier, found.labels) == (observed("platinum"), observed("x"))


def test_what_is_claimed_displaces_nothing() -> None:
    found = known(
        entry(remote=("github.com/*",), tier="a"),
        entry(Layer.USER, remote=("*/acme/*",), tier="b"),
        entry(Layer.USER, path=("/",), tier="c"),
    )
    assert found.tier == Values(bound=frozenset({"c"}), observed=frozenset({"a", "b"}))


def test_many_wildcards_take_no_longer_for_it() -> None:
    deep = PurePosixPath("/" + "/".join(["a"] * 400))
    stated = policy(entry(path=("/" + "**/a/" * 60 + "b",), tier="x"))
    assert bound_attributes(stated, (), deep, HOME).tier == Values()


# -- over generated policies ------------------------------------------------------------------------------------------

words = st.sampled_from(["a", "b", "c", "d"])
some = st.lists(words, max_size=2).map(tuple)
maybe = st.none() | words
entries = st.builds(
    Repository,
    layer=st.sampled_from([Layer.ORGANISATION, Layer.WORKSPACE, Layer.USER]),
    order=st.just(0),
    place=st.just(HERE),
    remote=st.lists(st.sampled_from([ACME, "github.com/*", "*/other"]), max_size=2).map(tuple),
    path=st.lists(st.sampled_from(["~/work", "/home/ME", "/srv", "~/**/pay"]), max_size=2).map(tuple),
    labels=some,
    data=some,
    tier=maybe,
    tenant=maybe,
    team=maybe,
    workload=maybe,
)
identities = st.builds(Identity, maybe, maybe, maybe, maybe, maybe)
remote_sets = st.sets(st.sampled_from([ACME, "h.example/x/other", UNKNOWN_REPO]), max_size=3)
policies = st.builds(
    lambda listed, identity: policy(*sorted(listed, key=lambda one: one.layer), identity=identity),
    st.lists(entries, max_size=5),
    identities,
)
steps = st.builds(lambda labels, data: Step("Do it", labels=labels, data=data), some, some)


@given(policies, st.lists(st.tuples(steps, remote_sets), min_size=1, max_size=5))
def test_nothing_asserted_claimed_or_remembered_ever_grants(
    which: Policy, session_steps: list[tuple[Step, set[str]]]
) -> None:
    session = SessionFacts()
    trusted = bound_attributes(which, (), WORK, HOME)
    for step, remotes in session_steps:
        told = session.join(bound_attributes(which, remotes, WORK, HOME))
        attributes = gather(step, which, known=told).attributes
        for name in ATTRIBUTES:
            assert getattr(attributes, name).bound == getattr(trusted, name).bound
        assert attributes.labels.asserted >= set(step.labels)
        session = session.with_step(attributes)
        assert not any(getattr(session.seen, name).bound for name in ATTRIBUTES)


@given(policies, remote_sets, st.randoms(use_true_random=False))
def test_the_order_of_one_layers_entries_matters_for_single_values_alone(
    which: Policy, remotes: set[str], chance: random.Random
) -> None:
    shuffled: list[Repository] = []
    for _, group in groupby(which.repositories, key=lambda one: one.layer):
        listed = list(group)
        chance.shuffle(listed)
        shuffled += listed
    before = bound_attributes(which, remotes, WORK, HOME)
    after = bound_attributes(replace(which, repositories=tuple(shuffled)), remotes, WORK, HOME)
    for name in ATTRIBUTES:
        values, again = getattr(before, name), getattr(after, name)
        assert (values.observed, values.asserted) == (again.observed, again.asserted)
        assert len(values.bound) == len(again.bound)
        if name not in SINGLE:
            assert values == again
        else:
            assert len(values.bound) <= 1


@given(policies, remote_sets, st.sampled_from([ACME, "h.example/x/other", UNKNOWN_REPO]))
def test_one_more_remote_takes_nothing_away_and_binds_nothing(which: Policy, remotes: set[str], more: str) -> None:
    before = bound_attributes(which, remotes, WORK, HOME)
    after = bound_attributes(which, remotes | {more}, WORK, HOME)
    for name in ATTRIBUTES:
        assert getattr(after, name).bound == getattr(before, name).bound
        assert getattr(after, name).observed >= getattr(before, name).observed


class TestSession:
    def test_labels_and_data_stay_whoever_stated_them_and_what_was_bound_stays_to_narrow(self) -> None:
        first = Attributes(
            labels=Values(frozenset("a"), frozenset("b"), frozenset("c")),
            data=Values(asserted=frozenset({"personal"})),
            languages=observed("python"),
            repo=observed(ACME),
        )
        session = SessionFacts().with_step(first)
        later = session.join(Attributes())
        assert later.labels == Values(observed=frozenset("ab"), asserted=frozenset("c"))
        assert later.data == Values(asserted=frozenset({"personal"}))
        assert later.repo == observed(ACME)
        assert later.languages == Values()

    @given(policies, remote_sets, st.lists(steps, min_size=1, max_size=4))
    def test_the_same_step_again_has_the_same_facts(
        self, which: Policy, remotes: set[str], session_steps: list[Step]
    ) -> None:
        session = SessionFacts()
        told = bound_attributes(which, remotes, WORK, HOME)
        for step in session_steps:
            once = gather(step, which, known=session.join(told))
            session = session.with_step(once.attributes)
            assert gather(step, which, known=session.join(told)) == once
            assert session.with_step(once.attributes) == session
