"""The demo company: a seeded generator of a firm's year in real vendors' formats, with its ground truth."""

from leadline.company.generate import Company, generate
from leadline.company.live import live
from leadline.company.truth import ElementTruth, TruePerson, Truth
from leadline.company.wire import Fate, Flag, RawOut

__all__ = ["Company", "ElementTruth", "Fate", "Flag", "RawOut", "TruePerson", "Truth", "generate", "live"]
