"""`import simtwin_capture.auto` records from here to the process's end, as SIMTWIN_CAPTURE_* say; without DIR nothing."""

import os
import sys

from ._capture import Capture
from ._options import options_from_environment


def _start():
    try:
        options = options_from_environment(os.environ)
        return None if options is None else Capture(options).start()
    except Exception as error:
        sys.stderr.write(f"simtwin_capture: nothing is recorded: {error}\n")
        return None


#: The capture that runs; None if it is off.
capture = _start()
