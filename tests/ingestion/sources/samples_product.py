"""Bodies of product analytics and CloudEvents senders as their vendors document them, one of every kind that an adapter must read."""

from __future__ import annotations

from typing import Any

SAMPLES: dict[str, list[dict[str, Any]]] = {}
