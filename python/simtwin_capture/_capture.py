"""Wraps the module's functions, and records what goes through them. Whatever goes wrong here never reaches the program."""

import functools
import os
import sys
import threading
import time
from typing import Dict, List, Optional, Tuple

from ._barrier import FileBarrier
from ._calls import Call, bind
from ._install import Installation
from ._options import OPS, Options, make_options
from ._tensors import is_cuda, torch_of
from ._watch import Watcher

_POLL_S = 0.001
_active: Optional["Capture"] = None
_active_lock = threading.Lock()


def capture(directory, **options) -> "Capture":
    """A context manager that records calls to files in `directory`.

    Options: max_calls, max_bytes, include, exclude, keep, hang_s, signal, barrier, barrier_s, module (docs/CAPTURE.md).
    Raises ValueError or TypeError for a bad option; after that nothing.
    """
    return Capture(make_options(directory, **options))


class Capture:
    """Recording between start() and stop(). One at a time in a process."""

    def __init__(self, options: Options):
        self.options = options
        self._installation: Optional[Installation] = None
        self._lock = threading.RLock()
        self._warned: set = set()
        self._reset()

    def __enter__(self) -> "Capture":
        return self.start()

    def __exit__(self, *_error) -> None:
        self.stop()

    def start(self) -> "Capture":
        global _active
        try:
            with _active_lock:
                if _active is not None:
                    self._warn("active", f"calls are already recorded to {_active.options.directory}: this capture is off")
                    return self
                _active = self
            os.makedirs(self.options.directory, exist_ok=True)
            self._installation = Installation(self.options.module, OPS, self._wrap)
            self._installation.install()
            self._watcher.take_signal()
        except Exception as error:
            self._warn("start", f"nothing is recorded: {error}")
        return self

    def stop(self) -> None:
        """The module's own functions are back. Calls that have not ended by now are left out, unless they hang."""
        global _active
        try:
            with _active_lock:
                if _active is not self:
                    return
                _active = None
            if self._installation is not None:
                self._installation.restore()
            with self._lock:
                for call in [call for call in self._open if call.is_finished()]:
                    self._finish(call)
            self._tick()
            self._watcher.stop()
            if self._barrier is not None:
                self._barrier.leave()
        except Exception as error:
            self._warn("stop", str(error))

    def write_now(self) -> None:
        """Writes the calls that run as hung, and of each rank the last that has ended if only hung ones are kept."""
        with self._lock:
            for call in list(self._open):
                if not call.is_finished():
                    self._write_hung(call)
            for call in list(self._last.values()):
                self._store(call, "finished")
            self._last.clear()

    def _reset(self) -> None:
        self._pid = os.getpid()
        #: invariant: calls that were begun and neither finished nor dropped.
        self._open: List[Call] = []
        self._last: Dict[Tuple[str, int], Call] = {}
        self._numbers: Dict[Tuple[str, int], int] = {}
        self._written: Dict[Tuple[str, int], int] = {}
        self._bytes = 0
        self._is_full = False
        options = self.options
        self._barrier = FileBarrier(options.directory, options.barrier_s) if options.barrier == "files" else None
        self._watcher = Watcher(options.signal, self.write_now, self._tick, self._warn)

    # The program's side.

    def _wrap(self, op: str, original, module):
        @functools.wraps(original)
        def recorded(*args, **kwargs):
            call = self._begin(op, original, args, kwargs)
            if call is None:
                return original(*args, **kwargs)
            try:
                result = original(*args, **kwargs)
            except BaseException:
                self._drop(call)
                raise
            self._end(call, result, module)
            return result

        return recorded

    def _begin(self, op: str, original, args, kwargs) -> Optional[Call]:
        try:
            if self._pid != os.getpid():  # A fork has left threads and files to its parent.
                self._lock = threading.RLock()
                self._watcher.give_signal_back()
                self._reset()
                self._watcher.take_signal()
            given = bind(op, original, args, kwargs)
            key = (op, int(given["ep_rank"]))
            with self._lock:
                number = self._numbers.get(key, -1) + 1
                self._numbers[key] = number
                is_wanted = not self._is_full and self._written.get(key, 0) < self.options.max_calls
            if not is_wanted or not self.options.wants(op, number) or _is_traced(given):
                return None
            call = Call(op, number, given)
            call.wait_for_stream()
            call.before_in_step = self._meet(call, 0)
            call.take_inputs()
            self._meet(call, 1)
            if self._exceeds(call.bytes):
                return None
            call.began = time.monotonic()
            with self._lock:
                self._open.append(call)
            self._watcher.start()
            return call
        except Exception as error:
            self._warn(op, f"a call of {op} is not recorded: {error}")
            return None

    def _end(self, call: Call, result, module) -> None:
        try:
            call.mark_returned(result)
            # Where it is known to hang it has been written, and the program goes on: a later end replaces the file.
            while not call.is_finished():
                if call.state == "hung":
                    return
                time.sleep(_POLL_S)
            call.after_in_step = self._meet(call, 2)
            with self._lock:
                self._finish(call)
            self._meet(call, 3)
        except Exception as error:
            self._drop(call)
            self._warn(call.op, f"a call of {call.op} is not recorded: {error}")

    def _drop(self, call: Call) -> None:
        with self._lock:
            if call in self._open:
                self._open.remove(call)
            call.release()

    def _meet(self, call: Call, phase: int) -> bool:
        """Waits for the other ranks of an all-to-all. Whether they are known to have come."""
        if call.op != "moe_comm" or call.size == 1:
            return True
        barrier = self.options.barrier
        if callable(barrier):
            barrier()
            return True
        if self._barrier is None:
            return False
        has_met = self._barrier.wait(call.rank, call.size, 4 * call.number + phase)
        if not has_met:
            self._warn(
                f"barrier {call.rank}",
                f"rank {call.rank} no longer waits for the other ranks at call {call.number} of moe_comm: not all came "
                f"within {self.options.barrier_s:g} s; snapshots of workspaces may be torn",
            )
        return has_met

    # Both sides, under the lock.

    def _finish(self, call: Call) -> None:
        if call not in self._open:
            return
        self._open.remove(call)
        was_hung = call.state == "hung"
        call.state = "finished"
        try:
            is_kept_back = self.options.keep == "hung" and not was_hung
            call.take_outputs()
            call.take_place(self._installation.module)
        finally:
            call.release()
        if is_kept_back:
            self._last[call.op, call.rank] = call
        else:
            self._store(call, "finished")

    def _write_hung(self, call: Call) -> None:
        try:
            inputs = dict(call.tensors)
            # Its kernel runs: what index preparation returned means nothing yet.
            if call.op != "moe_comm_prepare_indices":
                call.take_outputs()
            call.take_place(self._installation.module)
            self._store(call, "hung")
            call.tensors = inputs
            call.state = "hung"
            if self._barrier is not None and call.op == "moe_comm":
                self._barrier.tell_hung(call.rank, call.number)
            seconds = time.monotonic() - call.began
            self._say(f"call {call.number} of {call.op} on rank {call.rank} runs for {seconds:.0f} s: written as hung")
        except Exception as error:
            call.state = "hung"
            self._warn(call.op, f"a hung call of {call.op} is not recorded: {error}")

    def _store(self, call: Call, state: str) -> None:
        key = (call.op, call.rank)
        is_first = call.state != "hung" or state == "hung"
        if self._exceeds(call.bytes):
            return
        call.write(self.options.directory, state)
        self._bytes += call.bytes
        if is_first:
            self._written[key] = self._written.get(key, 0) + 1

    def _exceeds(self, count: int) -> bool:
        if self._bytes + count <= self.options.max_bytes:
            return False
        self._is_full = True
        self._warn("max_bytes", f"max_bytes = {self.options.max_bytes} is used up: nothing more is recorded")
        if self._barrier is not None:
            self._barrier.leave()
        return True

    # The watcher's side.

    def _tick(self) -> None:
        """What time brings: calls that hang, calls that end after all, peers that hang."""
        with self._lock:
            for call in list(self._open):
                if call.state == "hung" and call.is_finished():
                    self._finish(call)
                elif call.state == "running" and 0 < self.options.hang_s <= time.monotonic() - call.began:
                    # On its way out it may wait for peers: finished it is all the same.
                    if not call.is_finished():
                        self._write_hung(call)
            if self._barrier is None:
                return
            for key, call in list(self._last.items()):
                if call.op == "moe_comm" and self._barrier.hung_call(call.rank, call.size) == call.number:
                    del self._last[key]
                    self._store(call, "finished")

    def _warn(self, key: str, text: str) -> None:
        """Once for each key, to stderr."""
        if key not in self._warned:
            self._warned.add(key)
            self._say(text)

    def _say(self, text: str) -> None:
        try:
            sys.stderr.write(f"simtwin_capture: {text}\n")
            sys.stderr.flush()
        except Exception:
            pass


def _is_traced(given) -> bool:
    """Whether the call is being compiled or captured into a CUDA graph: then it does not run now."""
    for value in given.values():
        torch = torch_of(value)
        if torch is None:
            continue
        compiler = getattr(torch, "compiler", None)
        if compiler is not None and getattr(compiler, "is_compiling", bool)():
            return True
        return is_cuda(value) and torch.cuda.is_current_stream_capturing()
    return False
