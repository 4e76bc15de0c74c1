"""The way of a step: facts, decision, record, attempts, record, reply."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from smista_mcp import places
from smista_mcp.catalog.prices import preload
from smista_mcp.catalog.types import Deployment
from smista_mcp.context.workspace import Material, read_context
from smista_mcp.errors import LedgerError, RefusedError, RunFailedError, StepError
from smista_mcp.execution.attempt import OnProgress
from smista_mcp.execution.chain import Walk, walk_chain
from smista_mcp.execution.conditions import Conditions, Watch
from smista_mcp.execution.finish import finish, stoppable
from smista_mcp.execution.moment import milliseconds_since, new_run_id, now, timestamp
from smista_mcp.facts.bound import bound_attributes
from smista_mcp.facts.gather import check_step, gather
from smista_mcp.facts.repository import Remotes, home_folder
from smista_mcp.facts.session import SessionFacts
from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.facts.types import Attributes, ContextPlan, Facts, Step, in_words
from smista_mcp.ledger.types import Run, RunOutcome
from smista_mcp.providers.types import Call, StopReason
from smista_mcp.routing.cost import output_limit
from smista_mcp.routing.decision import Choice, Decision, Outcome
from smista_mcp.routing.record import decision_json

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.ledger.inputs import Inputs
    from smista_mcp.ledger.store import Ledger
    from smista_mcp.policy.layers import PolicyPlaces
    from smista_mcp.policy.types import Policy

_log = logging.getLogger(__name__)

SYSTEM: Final = (
    "You carry out one step of a larger piece of work for another assistant, who will use your answer as it is. "
    "Do just what the step asks, from the material given. Answer with the result alone: no greeting, no account of "
    "what you did, no offer of more. If the material does not allow an answer, say so in one sentence."
)
"""The system prompt of every delegated step."""

_FRAMING_TOKENS: Final = 16
"""What a vendor's own framing of a two-message chat adds, rounded up."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A step that was carried out."""

    decision: Decision
    run: Run
    answer: str
    stop: StopReason


@dataclass(frozen=True, slots=True)
class _Prepared:
    conditions: Conditions
    facts: Facts
    material: str
    decision: Decision


class Engine:
    """Decides steps of one workspace and carries them out. Use as an async context manager.

    One engine is one session: what a delegated step was once said to hold (labels, classes of data) every later step
    holds too, see `smista_mcp.facts.session`.

    Opening it does nothing; the ledger and the HTTP client come into being with the first step that needs them.
    """

    def __init__(
        self,
        workspace: Path,
        policy_places: PolicyPlaces,
        *,
        start: Path | None = None,
        environment: Mapping[str, str],
        ledger_file: Path,
        cache_dir: Path | None,
    ) -> None:
        self._workspace = workspace
        self._start = (start or workspace).resolve()
        self._watch = Watch(policy_places, environment, cache_dir)
        self._ledger_file = ledger_file
        self._ledger: Ledger | None = None
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._place = workspace.resolve()
        self._remotes = Remotes(workspace)
        self._told: tuple[Policy, frozenset[str], Attributes] | None = None
        """What was last known of any step, and under which policy and remotes: many repositories take a while."""
        self._session = SessionFacts()
        self._preloading = False

    @classmethod
    def for_workspace(cls, start: Path, *, with_its_policy: bool = True) -> Engine:
        """An engine for the workspace around `start`, with this user's and machine's standard places and environment.

        Paths of steps are taken relative to `start`, which may be a folder inside the workspace. Only whoever is about
        to replace the workspace's own policy does without it.
        """
        from smista_mcp.policy.layers import PolicyPlaces

        workspace = places.find_workspace(start)
        standard = PolicyPlaces.standard(workspace)
        return cls(
            workspace,
            standard if with_its_policy else replace(standard, workspace=None),
            start=start,
            environment=os.environ,
            ledger_file=places.ledger_file(),
            cache_dir=places.cache_dir(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, end the embedded model's process, close the ledger. Safe to call twice.

        For when the engine's steps have ended; one that has not fails, and none can be begun any more.
        """
        async with self._opening:
            self._closed = True
            client, self._client = self._client, None
            ledger, self._ledger = self._ledger, None
        await finish(asyncio.ensure_future(self._close(client, ledger)))

    async def _close(self, client: httpx2.AsyncClient | None, ledger: Ledger | None) -> None:
        try:
            await self._watch.aclose()
            if client is not None:
                from smista_mcp.providers.registry import release_dialects

                await release_dialects()
                await client.aclose()
        finally:
            if ledger is not None:
                await ledger.close()

    async def conditions(self) -> Conditions:
        """The policy in force, the catalog and what can be reached at this moment.

        Raises:
            PolicyError: a policy file is wrong or not to be trusted.
        """
        return await self._watch.now()

    async def preview(self, step: Step) -> Decision:
        """The decision for `step`, by the very road that `delegate` takes; nothing is run or recorded.

        It sees what the session remembers and adds nothing to it: a preview sends nothing anywhere, hosts are told that
        it may be repeated freely, and asking "what if this were personal?" must not change what comes after.

        Raises:
            StepError: the step cannot be used as given.
            PolicyError: a policy file is wrong or not to be trusted.
        """
        return (await self._prepare(step)).decision

    async def inputs(self, step: Step) -> Inputs:
        """All that the decision for `step` is made on, for whoever wants to decide it otherwise.

        Raises:
            StepError: the step cannot be used as given.
            PolicyError: a policy file is wrong or not to be trusted.
        """
        return _inputs(await self._prepare(step))

    async def delegate(self, step: Step, *, on_progress: OnProgress | None = None) -> Delegation:
        """Decide `step` and carry it out.

        Args:
            on_progress: told in a few words how the run comes along.

        Raises:
            StepError, PolicyError: as for `preview`; also where not one of the files that the step names can be read.
            RefusedError: routing found nothing that may have the step; recorded.
            RunFailedError: every deployment of the chain failed, or one in a way no other could mend; recorded.
            LedgerError: the ledger cannot be written; nothing is run that cannot be recorded.
        """
        return await stoppable(asyncio.create_task(self._delegate(step, on_progress)))

    async def _delegate(self, step: Step, on_progress: OnProgress | None) -> Delegation:
        prepared = await self._prepare(step)
        _check_material(step, prepared.facts.context)
        # Remembered whatever becomes of it, and before anything is waited for: a step that is refused for a label must
        # not be had by asking again without.
        self._session = self._session.with_step(prepared.facts.attributes)
        self._preload_prices(prepared)
        client, ledger = await self._open()
        run = Run(new_run_id(), prepared.decision.decision_id, timestamp(now()), RunOutcome.RUNNING)
        clock, walk, ended = time.monotonic(), Walk(), RunOutcome.FAILED
        begun = asyncio.ensure_future(ledger.begin(decision_json(prepared.decision), _inputs(prepared), run))
        try:
            await finish(begun)
            if prepared.decision.outcome is not Outcome.ROUTED:
                ended = RunOutcome.REFUSED
                raise RefusedError(prepared.decision.why, decision=prepared.decision, hint=_REFUSED_HINT)
            await walk_chain(
                client,
                prepared.decision,
                prepared.conditions.catalog,
                lambda deployment, choice: _call(step, prepared, deployment, choice),
                walk,
                on_progress,
            )
            if walk.reply is not None:
                ended = RunOutcome.ANSWERED
        except asyncio.CancelledError:
            # A cancelled run is recorded too: what it used was used.
            ended = RunOutcome.CANCELLED
            raise
        finally:
            run = _ended(run, ended, walk, clock)
            if begun.done() and begun.exception() is None:
                await self._settle(ledger, run)
        if walk.reply is None:
            raise RunFailedError(_failed(run), run=Failure(prepared.decision, run), hint=_FAILED_HINT)
        return Delegation(prepared.decision, run, walk.reply.text, walk.reply.stop)

    async def _settle(self, ledger: Ledger, run: Run) -> None:
        """Record how `run` ended. Where that fails, a cancellation goes on all the same: nobody waits for the error."""
        try:
            await finish(asyncio.ensure_future(ledger.settle(run)))
        except LedgerError:
            if run.outcome is not RunOutcome.CANCELLED:
                raise
            _log.exception("run %s was cancelled and could not be recorded as such", run.id)

    async def _prepare(self, step: Step) -> _Prepared:
        check_step(step)
        conditions = await self._watch.now()
        policy = conditions.policy
        material, told = await asyncio.to_thread(self._look, step, policy)
        text = material.render(step.context)
        facts = gather(
            step,
            policy,
            path_facts=material.path_facts,
            restricted=material.restricted,
            plan=material.plan,
            input_tokens=sum(map(estimate_tokens, (SYSTEM, step.task, text))) + _FRAMING_TOKENS,
            known=self._session.join(told),
        )
        return _Prepared(conditions, facts, text, conditions.router.decide(facts))

    def _look(self, step: Step, policy: Policy) -> tuple[Material, Attributes]:
        """The workspace's files for `step`, and what is known of any step in this workspace. Blocks."""
        paths = [self._from_workspace(path) for path in step.paths]
        material = read_context(self._workspace, paths, restricted=policy.restricted_paths)
        remotes, last = self._remotes.read(), self._told
        if last is not None and last[0] is policy and last[1] == remotes:
            return material, last[2]
        told = bound_attributes(policy, remotes, self._place, home_folder())
        self._told = policy, remotes, told
        return material, told

    def _preload_prices(self, prepared: _Prepared) -> None:
        """Import the list of prices while the model answers, where the bill will need it."""
        if self._preloading:
            return
        chain = (prepared.conditions.catalog.get(choice.deployment) for choice in prepared.decision.chain)
        if any(one is not None and one.price is not None and one.price.listed_as for one in chain):
            self._preloading = True
            # A daemon: nobody waits for it at the end.
            threading.Thread(target=preload, name="smista-prices", daemon=True).start()

    def _from_workspace(self, path: str) -> str:
        """A path as seen from the workspace's root; the caller stated it as seen from where it was started."""
        if self._start == self._place or Path(path).is_absolute():
            return path
        return str(self._start.relative_to(self._place) / path)

    async def _open(self) -> tuple[httpx2.AsyncClient, Ledger]:
        async with self._opening:
            if self._closed:
                raise RuntimeError("this engine is closed")
            if self._client is None:
                from smista_mcp.providers.http import make_client
                from smista_mcp.providers.registry import keep_dialects

                self._client = make_client()
                keep_dialects()
            if self._ledger is None:
                from smista_mcp.ledger.store import Ledger

                self._ledger = await Ledger.open(self._ledger_file)
            return self._client, self._ledger


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that was decided and tried in vain: what `RunFailedError.run` holds."""

    decision: Decision
    run: Run


_REFUSED_HINT: Final = "`smista-mcp preview` shows every candidate with its reasons; change the step or the policy"
_FAILED_HINT: Final = "`smista-mcp explain` shows every attempt; `smista-mcp models` shows what can be reached here"


def _check_material(step: Step, plan: ContextPlan) -> None:
    """Without anything of what it is about, a step would only be answered by invention.

    Raises:
        StepError: the step names files, and not one of them can be read.
    """
    if not step.paths or plan.included or step.context.strip():
        return
    said = "; ".join(f"{one.path or 'an empty path'}: {in_words(one)}" for one in plan.excluded[:_MOST_NAMED])
    raise StepError(
        f"none of the files that the step names can be read. {said}".rstrip(". "),
        hint="name files that are there (a new file needs no path), or pass what the step is about as context",
    )


_MOST_NAMED: Final = 5


def _ended(run: Run, outcome: RunOutcome, walk: Walk, clock: float) -> Run:
    answer = walk.reply.text if walk.reply else ""
    return replace(
        run,
        outcome=outcome,
        duration_ms=milliseconds_since(clock),
        attempts=tuple(walk.attempts),
        answer_chars=len(answer),
        answer_sha256=hashlib.sha256(answer.encode("utf-8", "surrogatepass")).hexdigest() if answer else "",
    )


def _inputs(prepared: _Prepared) -> Inputs:
    from smista_mcp.ledger.inputs import Inputs

    conditions = prepared.conditions
    return Inputs(prepared.facts, conditions.policy, conditions.catalog, conditions.snapshot)


def _call(step: Step, prepared: _Prepared, deployment: Deployment, choice: Choice) -> Call:
    return Call(
        model=deployment.model,
        prompt=step.task,
        material=prepared.material,
        system=SYSTEM,
        effort=choice.effort,
        max_output_tokens=output_limit(step.max_output_tokens, deployment, prepared.facts.input_tokens),
        reasoning="reasoning" in deployment.capabilities,
        output_ceiling=deployment.max_output_tokens,
    )


def _failed(run: Run) -> str:
    tried = "; ".join(f"{one.deployment}: {one.failure} ({one.detail})" for one in run.attempts)
    return f"no deployment gave an answer. {tried}"
