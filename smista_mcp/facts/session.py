"""What a session remembers of its steps, so that a fact is not got rid of by leaving it out of the next one. Pure.

A label or class of data that any step of the session had, every later step has too: what the host agent has once
called personal it cannot un-call by asking again. The same goes for what the repository was seen to claim, which the
host agent could otherwise take back between two steps. A session ends with its connection.

What is remembered only ever narrows: what was asserted stays asserted, and all else is *observed*, also what was
bound. So when trusted configuration changes, what it granted ends with the next step, and what it demanded does not.
Languages are of the files of one step and are not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smista_mcp.facts.types import ATTRIBUTES, Attributes, Values


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the steps of a session had until now. Immutable: `with_step` gives the next state."""

    seen: Attributes = field(default_factory=Attributes)
    """Nothing in it is bound."""

    def with_step(self, attributes: Attributes) -> SessionFacts:
        """The session after a step that had `attributes`."""
        lasting = Attributes(*(_remembered(getattr(attributes, name)) for name in ATTRIBUTES))
        return SessionFacts(replace(self.seen.merged(lasting), languages=Values()))

    def join(self, attributes: Attributes) -> Attributes:
        """`attributes` and what the session remembers beyond them."""
        return Attributes(*(_joined(getattr(attributes, name), getattr(self.seen, name)) for name in ATTRIBUTES))


def _remembered(values: Values) -> Values:
    return Values(observed=values.bound | values.observed, asserted=values.asserted)


def _joined(values: Values, seen: Values) -> Values:
    known = values.bound | values.observed
    return values.merged(Values(observed=seen.observed - known, asserted=seen.asserted - known))
