"""``smista-mcp serve``: the server on standard input and output.

Only what is needed to answer a host's first questions is imported here; the rest once they are answered.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from smista_mcp.server.wire import claim

if TYPE_CHECKING:
    from pathlib import Path

_FIRST_QUESTIONS_SECONDS: Final = 0.1
"""How long to keep the processor free for the host's first questions before the SDK is imported. Hosts ask within
some 10 ms of starting a server."""

_SWITCH_SECONDS: Final = 0.0005
"""How often the import lets the thread run that answers the host. Python's own 5 ms would show."""


def serve(workspace: Path) -> int:
    """Serve MCP to the host at the other end of standard input and output, for the files of `workspace`.

    Ends the process itself when the host is gone or a signal says so: a host that ends a session gives its servers
    about 100 ms, and an orderly interpreter shutdown alone can take half of that.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        print(
            "smista-mcp serve speaks MCP with a host agent on standard input and output; it is not for typing.\n"
            "Register it in the host, e.g.: claude mcp add smista -- smista-mcp serve",
            file=sys.stderr,
        )
    # Until something runs there is nothing to clean up: end at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    source, output = claim()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    source.start()
    source.listed.wait(_FIRST_QUESTIONS_SECONDS)

    from smista_mcp.server.session import run

    sys.setswitchinterval(usual)
    code = run(workspace, source, output)
    sys.stderr.flush()
    os._exit(code)
