"""Where lineage events go: a file and a topic, whichever is named, and nowhere else.

A run's id follows from its job, its moment and what it was made of, so that a job which is repeated tells of one run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run, job_type_job, set_producer
from openlineage.client.uuid import generate_static_uuid

from features.lineage.places import PRODUCER, namespace, transport
from ingestion.settings import PlatformSettings

log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One run of a job, told when it is over. `made_of` tells it from the job's other runs of the same `moment`."""

    job: str
    moment: datetime
    made_of: str
    began: datetime
    ended: datetime
    kind: Literal["BATCH", "STREAMING"] = "BATCH"
    inputs: Sequence[InputDataset] = ()
    outputs: Sequence[OutputDataset] = ()
    failed: str = ""  # the kind of error; its sentence might name what must stay here
    facets: dict[str, Any] = field(default_factory=dict)


class Outlet:
    """Sends the events of runs. What cannot be sent is logged and lost: no job waits or fails for it."""

    def __init__(self, settings: PlatformSettings) -> None:
        self.namespace = namespace(settings)
        set_producer(PRODUCER)
        self._client = OpenLineageClient(config={"transport": transport(settings)})

    def tell(self, run: JobRun) -> None:
        """That the run began, and how it ended."""
        run_id = str(generate_static_uuid(run.moment, f"{self.namespace}|{run.job}|{run.made_of}".encode()))
        job = Job(self.namespace, run.job, {"jobType": job_type_job.JobTypeJobFacet(run.kind, "LEADLINE", "TASK")})
        errors = {"errorMessage": error_message_run.ErrorMessageRunFacet(run.failed, "python")} if run.failed else {}
        ended = RunState.FAIL if run.failed else RunState.COMPLETE
        for state, at in ((RunState.START, run.began), (ended, run.ended)):
            facets = {**run.facets, **(errors if state is RunState.FAIL else {})}
            event = RunEvent(
                eventTime=at.isoformat(),
                producer=PRODUCER,
                run=Run(run_id, facets),
                job=job,
                eventType=state,
                inputs=list(run.inputs),
                outputs=list(run.outputs),
            )
            try:
                self._client.emit(event)
            except Exception as error:  # noqa: BLE001 - of a library whose transports raise what they like
                log.warning("lineage of %s was not sent: %s", run.job, type(error).__name__)

    def close(self) -> None:
        """Send what is still to be sent; waits a few seconds at most."""
        with suppress(Exception):
            self._client.close(CLOSE_SECONDS)
