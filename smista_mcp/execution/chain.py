"""Walk a decision's chain until one deployment answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smista_mcp.catalog.types import Catalog
from smista_mcp.execution.attempt import OnProgress, attempt, tell
from smista_mcp.ledger.types import Attempt
from smista_mcp.providers.types import Call, FailureClass, Reply, Timeouts
from smista_mcp.routing.decision import Choice, Decision

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.catalog.types import Deployment

CallFor = Callable[["Deployment", Choice], Call]


@dataclass(slots=True)
class Walk:
    """What has happened so far; readable at any moment, also after a cancellation."""

    attempts: list[Attempt] = field(default_factory=list)
    reply: Reply | None = None


async def walk_chain(
    client: httpx2.AsyncClient,
    decision: Decision,
    catalog: Catalog,
    call_for: CallFor,
    walk: Walk,
    report: OnProgress | None,
) -> None:
    """Try the chain's deployments in order, recording each attempt in `walk`, until one replies.

    It ends early on a failure that no other deployment could mend.

    INVARIANT: nothing outside ``decision.chain`` is ever called.
    """
    for number, choice in enumerate(decision.chain):
        deployment = catalog.get(choice.deployment)
        if deployment is None:
            raise LookupError(f"{choice.deployment} was decided on but is not in the catalog that was decided on")
        if report is not None:
            await tell(report, _announce(number, choice, walk.attempts))
        tried = await attempt(
            client, deployment, call_for(deployment, choice), Timeouts(), report, walk.attempts.append
        )
        walk.attempts.append(tried.attempt)
        if tried.reply is not None:
            walk.reply = tried.reply
            return
        if not _mendable(tried.failure):
            return


def _mendable(failure: FailureClass | None) -> bool:
    return failure is not None and failure.mendable_elsewhere


def _announce(number: int, choice: Choice, before: list[Attempt]) -> str:
    if number == 0:
        return f"asking {choice.deployment}"
    return f"{before[-1].deployment} failed ({before[-1].failure}), asking {choice.deployment}"
