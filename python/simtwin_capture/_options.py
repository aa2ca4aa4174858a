"""What is recorded, where, and how much of it."""

import fnmatch
import os
import re
import signal as signals
from dataclasses import dataclass
from typing import Callable, Mapping, Optional, Tuple, Union

VERSION = "0.1.0"
MODULE = "flashinfer.comm.trtllm_alltoall"
OPS = ("moe_comm_prepare_indices", "moe_local_gather", "moe_comm")
PREFIX = "SIMTWIN_CAPTURE_"

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Options:
    directory: str
    #: Recorded calls of each operation and rank.
    max_calls: int = 8
    #: Of all files of this process.
    max_bytes: int = 4 << 30
    #: Shell patterns over `OP` and `OP#CALL`.
    include: Tuple[str, ...] = ("*",)
    exclude: Tuple[str, ...] = ()
    #: `first`: the first max_calls calls; `hung`: only calls that hang, and their peers.
    keep: str = "first"
    #: Seconds from a call's begin until it counts as hung; 0: never.
    hang_s: float = 60.0
    #: Writes what is running now; None: no signal.
    signal: Optional[int] = getattr(signals, "SIGUSR1", None)
    #: `files`, `none`, or a function that returns once every rank has called it.
    barrier: Union[str, Callable[[], object]] = "files"
    barrier_s: float = 5.0
    module: str = MODULE

    def wants(self, op: str, number: int) -> bool:
        names = (op, f"{op}#{number}")

        def fits(patterns):
            return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)

        return fits(self.include) and not fits(self.exclude)


def make_options(directory, **given) -> Options:
    """Checks and converts. Raises ValueError or TypeError, which name the option."""
    if "max_bytes" in given:
        given["max_bytes"] = parse_bytes(given["max_bytes"])
    if "max_calls" in given:
        given["max_calls"] = _number("max_calls", given["max_calls"], int)
    for name in ("hang_s", "barrier_s"):
        if name in given:
            given[name] = _number(name, given[name], float)
    for name in ("include", "exclude"):
        if name in given:
            given[name] = _patterns(given[name])
    if "signal" in given:
        given["signal"] = parse_signal(given["signal"])
    options = Options(os.path.abspath(os.fspath(directory)), **given)
    if options.keep not in ("first", "hung"):
        raise ValueError(f"keep must be 'first' or 'hung', but is {options.keep!r}")
    if not callable(options.barrier) and options.barrier not in ("files", "none"):
        raise ValueError(f"barrier must be 'files', 'none' or a function, but is {options.barrier!r}")
    return options


def options_from_environment(environment: Mapping[str, str]) -> Optional[Options]:
    """None if SIMTWIN_CAPTURE_DIR is not set. Raises ValueError, which names the variable."""
    directory = environment.get(f"{PREFIX}DIR", "")
    if directory == "":
        return None
    names = {
        "MAX_CALLS": "max_calls",
        "MAX_BYTES": "max_bytes",
        "INCLUDE": "include",
        "EXCLUDE": "exclude",
        "KEEP": "keep",
        "HANG_S": "hang_s",
        "SIGNAL": "signal",
        "BARRIER": "barrier",
        "BARRIER_S": "barrier_s",
        "MODULE": "module",
    }
    unknown = [name for name in environment if name.startswith(PREFIX) and name[len(PREFIX) :] not in (*names, "DIR")]
    if unknown:
        known = ", ".join(PREFIX + name for name in ("DIR", *names))
        raise ValueError(f"{unknown[0]} does not exist; there are {known}")
    given = {}
    for name, option in names.items():
        text = environment.get(PREFIX + name, "")
        if text != "":
            given[option] = text
    try:
        return make_options(directory, **given)
    except ValueError as error:
        raise ValueError(f"{PREFIX}*: {error}") from None


def parse_bytes(value) -> int:
    """`4G`, `512M`, a number."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
    if match is None:
        raise ValueError(f"max_bytes must be a number of bytes such as 512M or 4G, but is {value!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def parse_signal(value) -> Optional[int]:
    """`USR1`, `SIGUSR1`, a number; `none` and None for no signal."""
    if value is None or str(value).lower() in ("none", "0", ""):
        return None
    text = str(value)
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    try:
        return int(signals.Signals(int(text))) if text.isdigit() else int(signals.Signals[name])
    except (KeyError, ValueError):
        raise ValueError(f"signal must be a signal such as USR1, or none, but is {value!r}") from None


def _number(name, value, kind):
    try:
        number = kind(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name} must be a number from 0 on, but is {value!r}")
    return number


def _patterns(value) -> Tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip() != "")
