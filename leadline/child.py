"""Child processes that never outlive us: however this process ends, the kernel ends them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Runs before the program does, in the program's own process: ask the kernel to kill us when the parent dies, and see
# that it has not died meanwhile. A shim and not `preexec_fn`, which is unsafe in a parent that has threads.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def dying_with_us(command: Sequence[str]) -> list[str]:
    """`command` (its program as an absolute path), so wrapped that it ends with the thread that starts it."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
