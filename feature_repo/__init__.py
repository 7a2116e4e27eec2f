"""Feast's declarations."""

import features  # noqa: F401  # before Feast: see there
