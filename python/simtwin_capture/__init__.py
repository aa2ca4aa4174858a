"""Records calls of flashinfer.comm.trtllm_alltoall for simtwin.

    with simtwin_capture.capture("captures/"):
        ...

or `import simtwin_capture.auto` with SIMTWIN_CAPTURE_DIR set. See docs/CAPTURE.md of simtwin.
"""

from ._capture import Capture, capture
from ._options import OPS, VERSION

__all__ = ["OPS", "Capture", "capture"]
__version__ = VERSION
