"""Run the command line with ``python -m smista_mcp``."""

from smista_mcp.cli.main import main

raise SystemExit(main())
