"""Bodies of product analytics and CloudEvents senders, as the vendors document them."""

from __future__ import annotations

from typing import Any

SAMPLES: dict[str, list[dict[str, Any]]] = {}
