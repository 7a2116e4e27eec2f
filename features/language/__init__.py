"""The language in which features are declared: few small expressions that compose, each one class (ADR 20)."""

from features.language.acts import Act, ActivePeople, Count, DaysWith, Furthest, Recency, Since, Streak, Trend
from features.language.expression import Expression, Said, definition
from features.language.items import Open, OpenHighest, OpenSum
from features.language.keep import Kept
from features.language.ratio import Ratio
from features.language.reading import Entity, Reading, reading_at
from features.language.values import Distinct, First, Last, Max, Min, Property, Sum

__all__ = [
    "Act",
    "ActivePeople",
    "Count",
    "DaysWith",
    "Distinct",
    "Entity",
    "Expression",
    "First",
    "Furthest",
    "Kept",
    "Last",
    "Max",
    "Min",
    "Open",
    "OpenHighest",
    "OpenSum",
    "Property",
    "Ratio",
    "Reading",
    "Recency",
    "Said",
    "Since",
    "Streak",
    "Sum",
    "Trend",
    "definition",
    "reading_at",
]
