"""How a fetch is shown, on a real terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import sys
import threading

from smista_mcp.providers.fetch_display import shown_fetch


def test_elsewhere_than_on_a_terminal_it_is_one_line() -> None:
    stream = io.StringIO()
    with shown_fetch("the model", stream) as progress:
        for done in range(0, 93_000_000, 1_000_000):
            progress(done, 92_871_040)
    assert stream.getvalue() == "smista-mcp: fetching the model (92 MB), once …\n"


def test_nothing_is_shown_where_nothing_is_fetched() -> None:
    stream = io.StringIO()
    with shown_fetch("the model", stream):
        pass
    assert stream.getvalue() == ""


def test_on_a_terminal_a_bar_grows_and_goes_away() -> None:
    seen = on_terminal(calls=True)
    assert "Fetching the model" in seen
    assert "MB" in seen
    assert on_terminal(calls=False) == ""


def on_terminal(*, calls: bool) -> str:
    """What a terminal gets to see."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                seen.append(data)
        except OSError:  # the other side is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w") as stream, shown_fetch("the model", stream) as progress:
        if calls:
            progress(0, 92_871_040)
            progress(50_000_000, 92_871_040)
    reader.join()
    os.close(ours)
    return b"".join(seen).decode()


def test_rich_is_not_imported_before_it_is_needed() -> None:
    import subprocess

    script = (
        "import sys, smista_mcp.providers.embedded\n"
        "heavy = {'rich', 'httpx2', 'markdown_it', 'filelock', 'xllamacpp', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
