"""Processes that tests kill, forked from a server that has imported what they need."""

from __future__ import annotations

import multiprocessing

processes = multiprocessing.get_context("forkserver")
# In one place for all tests: there is one such server, and a second list would take the place of the first.
processes.set_forkserver_preload(["tests.preloaded"])
