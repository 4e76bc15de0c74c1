"""Every error this package raises on purpose, in one hierarchy.

::

    SmistaError                     base: a sentence for people, a stable ``code`` for programs
    ├── PolicyError                 a policy file is wrong; carries every finding
    │   └── PolicyUntrustedError    the organisation's file exists but may not be believed
    ├── StepError                   the step itself cannot be used (empty task, path outside the workspace)
    ├── RefusedError                routing found no deployment it may use; carries the decision
    ├── SecretError                 a ``${env:…}``, ``${keyring:…}`` or ``${file:…}`` reference yields nothing
    ├── ProviderError               one attempt at one deployment failed; carries its ``FailureClass``
    ├── RunFailedError              every deployment of the chain failed; carries the run
    ├── EmbeddedModelError          the embedded model cannot be fetched, verified or started
    └── LedgerError                 the store of decisions and attempts cannot be read or written

The command line exits with ``exit_code``. No message ever holds a secret: errors are built from names and
places (``${env:NAME}``, a host, a status), never from values, and what a provider says is passed through
`smista_mcp.providers.redact` first.
"""

from __future__ import annotations

from typing import ClassVar


class SmistaError(Exception):
    """Base of all errors of this package.

    ``str(error)`` says what is wrong and where; `hint` says what to do about it (may be empty).
    """

    code: ClassVar[str] = "error"
    """Stable identifier for programs; part of every ``--json`` error."""
    exit_code: ClassVar[int] = 1
    """What the command line exits with."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def as_dict(self) -> dict[str, object]:
        """The error as the ``error`` member of a ``--json`` reply."""
        return {"code": self.code, "message": str(self), "hint": self.hint}


class PolicyError(SmistaError):
    """A policy file is wrong. ``findings`` holds every problem found, in file order."""

    code = "policy_invalid"
    exit_code = 3

    def __init__(self, message: str, *, findings: tuple[object, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = findings

    def as_dict(self) -> dict[str, object]:
        """As the base, with ``findings``: a list of the findings' own dictionaries."""
        found = [finding.as_dict() for finding in self.findings if hasattr(finding, "as_dict")]
        return {**super().as_dict(), "findings": found}


class PolicyUntrustedError(PolicyError):
    """The organisation's policy exists but its place, owner or mode make it unbelievable."""

    code = "policy_untrusted"


class StepError(SmistaError):
    """The step cannot be used as given."""

    code = "step_invalid"
    exit_code = 2


class RefusedError(SmistaError):
    """Routing found no deployment it may use. ``decision`` says why, candidate by candidate."""

    code = "refused"
    exit_code = 4

    def __init__(self, message: str, *, decision: object, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.decision = decision


class SecretError(SmistaError):
    """A secret reference cannot be resolved. The message names the reference, never a value."""

    code = "secret_missing"
    exit_code = 3


class RunFailedError(SmistaError):
    """Every deployment of the decided chain failed. ``run`` holds the attempts."""

    code = "run_failed"
    exit_code = 5

    def __init__(self, message: str, *, run: object, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.run = run


class EmbeddedModelError(SmistaError):
    """The embedded model cannot be fetched, verified or started. Ends an attempt, as any provider's failure does."""

    code = "embedded_model"
    exit_code = 5


class LedgerError(SmistaError):
    """The ledger cannot be read or written."""

    code = "ledger"
    exit_code = 7
