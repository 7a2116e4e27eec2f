"""Who every event is about: a ledger of evidence, and a pure resolution of it into leads and accounts."""

from ingestion.identity.evidence import Observation
from ingestion.identity.store import Edge, Explanation, IdentityStore, OpenConflict, Past, Resolution, Resolved

__all__ = ["Edge", "Explanation", "IdentityStore", "Observation", "OpenConflict", "Past", "Resolution", "Resolved"]
