"""The remotes of a workspace: what is read of git's configuration, and what is not known for certain."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.facts.git_config import Entry, parse
from smista_mcp.facts.repository import MOST_BYTES, MOST_REMOTES, Remotes, remote_name
from smista_mcp.facts.types import UNKNOWN_REPO


def repository(folder: Path, config: str = "") -> Path:
    git = folder / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text(config)
    return folder


def remote(url: str, name: str = "origin") -> str:
    return f'[remote "{name}"]\n\turl = {url}\n'


def read(folder: Path) -> frozenset[str]:
    return Remotes(folder).read()


ACME = "github.com/acme/pay"


class TestNames:
    @pytest.mark.parametrize(
        "url",
        [
            "https://github.com/acme/pay",
            "https://github.com/acme/pay.git",
            "https://github.com/acme/pay.git/",
            "https://github.com:443/acme/pay",
            "https://someone:secret@github.com/acme/pay.git?token=x#y",
            "HTTPS://GitHub.com/Acme/Pay.git",
            "https://github.com./acme/./x/../pay",
            "https://github.com/acme/%70ay",
            "git@github.com:acme/pay.git",
            "git@github.com:/acme/pay.git",
            "user:secret@github.com:acme/pay",
            "github.com:acme/pay",
            "ssh://git@github.com:22/acme/pay.git",
            "ssh://git@github.com/acme/pay",
            "git+ssh://git@github.com/acme//pay.git",
            "git://github.com/acme/pay.git",
            "helper::https://github.com/acme/pay",
            "  https://github.com/acme/pay  ",
        ],
    )
    def test_every_spelling_of_one_remote_is_one_name(self, url: str) -> None:
        assert remote_name(url) == ACME

    @pytest.mark.parametrize("url", ["/srv/git/pay.git", "../pay", "file:///srv/pay", r"C:\git\pay", "C:/git/pay", "."])
    def test_what_is_on_this_machine_has_no_name(self, url: str) -> None:
        assert remote_name(url) is None

    @pytest.mark.parametrize("url", ["https://", "https://[::1/x", "https://host", "host:", "https://h/\x01", "h:.git"])
    def test_what_cannot_be_read_is_not_taken_for_nothing(self, url: str) -> None:
        assert remote_name(url) == UNKNOWN_REPO

    def test_groups_below_groups_stay(self) -> None:
        assert remote_name("git@gitlab.example:a/b/c/d.git") == "gitlab.example/a/b/c/d"
        assert remote_name("ssh://git@[2001:db8::1]:2222/a/b") == "2001:db8::1/a/b"

    @given(st.text(min_size=8, max_size=20, alphabet=st.characters(codec="ascii", categories=("Lu", "Ll", "Nd"))))
    def test_a_password_is_never_part_of_a_name(self, password: str) -> None:
        for url in (f"https://me:{password}@h.example/a/b", f"https://{password}@h.example/a", f"u:{password}@h:a/b"):
            assert password.casefold() not in (remote_name(url) or "")

    @given(st.text(max_size=60))
    def test_any_text_has_a_name_or_none(self, url: str) -> None:
        name = remote_name(url)
        assert name is None or name == UNKNOWN_REPO or ("/" in name and name == name.casefold() and name.isprintable())


class TestSyntax:
    def test_sections_keys_quotes_comments_and_continued_lines_are_as_git_has_them(self) -> None:
        text = (
            '\ufeff# comment\n[CORE]\r\n\tbare\n[remote "Up \\"x\\" "] URL = "a b" c ; more\n  pushurl = "x;y"#z\n'
            "fetch = +refs/*:\\\nrefs/*  \n[remote.Old] url=q\\\\\\t\n"
        )
        assert list(parse(text)) == [
            Entry("core", "", "bare", "true"),
            Entry("remote", 'Up "x" ', "url", "a b c"),
            Entry("remote", 'Up "x" ', "pushurl", "x;y"),
            Entry("remote", 'Up "x" ', "fetch", "+refs/*:refs/*"),
            Entry("remote", "old", "url", "q\\\t"),
        ]

    @pytest.mark.parametrize(
        "text", ["a = b", "[x", "[x]\n= b", '[x]\na = "b\n', "[x]\na = \\q", "[x]\na b", "[x]\n\x00"]
    )
    def test_what_git_would_refuse_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            list(parse(text))

    @given(st.text(alphabet='[]"\\ \n=#;abR.-é'))
    def test_any_text_is_entries_or_refused(self, text: str) -> None:
        try:
            found = list(parse(text))
        except ValueError:
            return
        assert all(one.section == one.section.lower() and one.key == one.key.lower() for one in found)

    @given(st.text(alphabet=st.characters(exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=30))
    def test_what_git_writes_is_read_back(self, value: str) -> None:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        assert list(parse(f'[remote "x"]\n\turl = "{quoted}"\n')) == [Entry("remote", "x", "url", value)]


class TestWhereItStands:
    def test_all_remotes_and_where_they_are_pushed_to(self, tmp_path: Path) -> None:
        config = remote("https://github.com/Acme/pay") + "\tpushurl = git@mirror.example:acme/pay\n"
        repository(tmp_path, config + remote("/srv/backup", "backup") + remote("git@github.com:me/pay", "fork"))
        assert read(tmp_path) == {ACME, "mirror.example/acme/pay", "github.com/me/pay"}

    def test_a_folder_inside_the_repository_is_in_it(self, tmp_path: Path) -> None:
        repository(tmp_path, remote("git@github.com:acme/pay"))
        inside = tmp_path / "packages" / "one"
        inside.mkdir(parents=True)
        assert read(inside) == {ACME}

    def test_by_way_of_a_link_too(self, tmp_path: Path) -> None:
        repository(tmp_path / "real", remote("git@github.com:acme/pay"))
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
        assert read(tmp_path / "link") == {ACME}

    def test_no_repository_and_an_empty_one_have_no_remote(self, tmp_path: Path) -> None:
        assert read(tmp_path) == frozenset()
        assert read(repository(tmp_path)) == frozenset()
        (tmp_path / ".git" / "config").unlink()
        assert read(tmp_path) == frozenset()

    def test_an_empty_folder_called_git_does_not_hide_the_repository_around_it(self, tmp_path: Path) -> None:
        repository(tmp_path, remote("git@github.com:acme/pay"))
        (tmp_path / "inner" / ".git").mkdir(parents=True)
        assert read(tmp_path / "inner") == {ACME}

    def test_worktrees_and_submodules_as_git_itself_makes_them(self, tmp_path: Path) -> None:
        def git(*arguments: str, cwd: Path) -> None:
            settings = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "protocol.file.allow=always"]
            clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
            subprocess.run(["git", *settings, *arguments], cwd=cwd, env=clean, check=True, capture_output=True)

        main, part = tmp_path / "main", tmp_path / "part"
        for folder, url in ((main, "git@github.com:acme/pay"), (part, "git@github.com:acme/part")):
            folder.mkdir()
            git("init", cwd=folder)
            git("remote", "add", "origin", url, cwd=folder)
            git("commit", "--allow-empty", "-m", "x", cwd=folder)
        git("worktree", "add", "../tree", cwd=main)
        assert read(tmp_path / "tree") == {ACME}
        git("config", "extensions.worktreeConfig", "true", cwd=main)
        git("config", "--worktree", "remote.here.url", "https://h.example/only/here", cwd=tmp_path / "tree")
        assert read(tmp_path / "tree") == {ACME, "h.example/only/here"}
        assert read(main) == {ACME}
        git("submodule", "add", str(part), "lib", cwd=main)
        git("remote", "set-url", "origin", "https://github.com/acme/part", cwd=main / "lib")
        assert read(main / "lib") == {"github.com/acme/part", ACME}

    def test_a_repository_made_within_another_does_not_hide_it(self, tmp_path: Path) -> None:
        outer = repository(tmp_path, remote("git@github.com:acme/pay"))
        inner = repository(outer / "src", "")
        assert read(inner) == {"github.com/acme/pay"}

    def test_a_change_is_seen_and_without_one_nothing_is_read_again(self, tmp_path: Path) -> None:
        remotes = Remotes(repository(tmp_path, remote("git@github.com:acme/pay")))
        first = remotes.read()
        assert remotes.read() is first
        (tmp_path / ".git" / "config").write_text(remote("git@github.com:me/pay2"))
        assert remotes.read() == {"github.com/me/pay2"}


class TestWhatIsNotKnown:
    @pytest.mark.parametrize(
        "config",
        [
            "[broken\n",
            "[include]\n\tpath = ../elsewhere\n",
            '[includeIf "gitdir:~/x/"]\n\tpath = ../elsewhere\n',
            remote("https://[::1/x"),
            "#" * (MOST_BYTES + 1),
        ],
    )
    def test_a_configuration_that_is_not_understood_in_full_counts_as_unknown(
        self, tmp_path: Path, config: str
    ) -> None:
        assert read(repository(tmp_path, config)) == {UNKNOWN_REPO}

    def test_what_was_understood_stays_beside_it(self, tmp_path: Path) -> None:
        assert read(repository(tmp_path, remote("git@github.com:acme/pay") + "[broken")) == {ACME, UNKNOWN_REPO}

    def test_so_do_more_remotes_than_anybody_has(self, tmp_path: Path) -> None:
        many = "".join(remote(f"git@h.example:a/{number}", f"r{number}") for number in range(MOST_REMOTES + 1))
        found = read(repository(tmp_path, many))
        assert UNKNOWN_REPO in found
        assert len(found) == MOST_REMOTES + 1

    @pytest.mark.parametrize("text", ["", "gitdir:", "gitdir: ../nowhere", "nonsense", "gitdir: a\nb", "x" * 10_000])
    def test_a_pointer_that_leads_nowhere(self, tmp_path: Path, text: str) -> None:
        (tmp_path / ".git").write_text(text)
        assert read(tmp_path) == {UNKNOWN_REPO}

    def test_a_pipe_in_its_place_holds_nothing_up(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / ".git")
        assert read(tmp_path) == {UNKNOWN_REPO}
        (tmp_path / ".git").unlink()
        repository(tmp_path)
        (tmp_path / ".git" / "config").unlink()
        os.mkfifo(tmp_path / ".git" / "config")
        assert read(tmp_path) == {UNKNOWN_REPO}

    def test_a_link_to_nothing(self, tmp_path: Path) -> None:
        repository(tmp_path)
        (tmp_path / ".git" / "config").unlink()
        (tmp_path / ".git" / "config").symlink_to("nowhere")
        assert read(tmp_path) == {UNKNOWN_REPO}
