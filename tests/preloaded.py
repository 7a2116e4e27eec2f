"""What each process of `tests.processes` finds imported: Great Expectations alone would take it seconds."""

import features.app  # noqa: F401
import ingestion.app  # noqa: F401
import tests.ingestion.importer.conftest  # noqa: F401
from quality.gx import preload

preload()
