"""Errors of the scoring stage, grouped by what the caller must do.

ScoringError
├── Answer                 tell the caller; nothing is broken
│   ├── LeadUnknown        no online row and no identity for what was asked
│   └── DecisionUnknown    the ledger holds no decision of that id
├── Retry                  the same request may succeed later; nothing was lost
│   ├── NotRecorded        the broker did not acknowledge the decision, so it was not answered
│   ├── StoreUnavailable   the online store or the database did not answer
│   ├── LeadNotServed      nothing is stored about the lead, in a store that has lost rows and is being rebuilt
│   └── NoReading          every provider of the chain failed; the score goes on without a reading
├── NextProvider           a reading failed; ask the next provider of the chain
│   ├── ProviderFailed     timeout, refused connection, 4xx, 5xx, or an answer that is not the schema
│   └── BudgetSpent        the day's money or calls are reserved already
└── Stop                   a person must look before the stage goes on
    ├── PolicyError        a policy file is malformed, fails its golden cases or was asked with broken facts
    ├── PromptError        a prompt version does not exist
    └── ModelFailed        the model gave a number that is no probability
"""

from __future__ import annotations


class ScoringError(Exception):
    """Anything that scoring raises on purpose."""


class Answer(ScoringError):
    """Tell the caller; nothing is broken."""


class LeadUnknown(Answer):
    """No online row and no identity for what was asked."""

    def __init__(self, lead: str) -> None:
        self.lead = lead
        super().__init__(f"lead {lead} is unknown: no event about it has reached the online store yet")


class DecisionUnknown(Answer):
    """The ledger holds no decision of that id."""

    def __init__(self, decision: str) -> None:
        self.decision = decision
        super().__init__(f"decision {decision} is not in the ledger; it appears there moments after it was answered")


class Retry(ScoringError):
    """The same request may succeed later; nothing was lost."""


class NotRecorded(Retry):
    """The broker did not acknowledge the decision, so it was not answered."""


class StoreUnavailable(Retry):
    """The online store or the database did not answer."""


class LeadNotServed(Retry):
    """Nothing is stored about the lead, in a store that has lost rows and is being rebuilt."""

    def __init__(self, lead: str) -> None:
        self.lead = lead
        super().__init__(
            f"lead {lead} cannot be told from an unknown one: the online store has lost rows. Try again once it is "
            "rebuilt, which `leadline features rebuild --all` does"
        )


class NoReading(Retry):
    """Every provider of the chain failed; the score goes on without a reading."""


class NextProvider(ScoringError):
    """A reading failed; ask the next provider of the chain."""


class ProviderFailed(NextProvider):
    """Timeout, refused connection, 4xx, 5xx, or an answer that is not the schema."""


class BudgetSpent(NextProvider):
    """The day's money or calls are reserved already."""


class Stop(ScoringError):
    """A person must look before the stage goes on."""


class PolicyError(Stop):
    """A policy file is malformed, fails its golden cases or was asked with broken facts."""


class PromptError(Stop):
    """A prompt version does not exist."""


class ModelFailed(Stop):
    """The model gave a number that is no probability."""
