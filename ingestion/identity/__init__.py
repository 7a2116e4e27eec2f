"""Who every event is about: a ledger of evidence, and a pure resolution of it into leads and accounts."""

from ingestion.identity.evidence import Observation
from ingestion.identity.ledger import Conflict
from ingestion.identity.store import Edge, Explanation, IdentityStore, Past, Resolution, Resolved

__all__ = ["Conflict", "Edge", "Explanation", "IdentityStore", "Observation", "Past", "Resolution", "Resolved"]
