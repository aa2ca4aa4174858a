"""A thread that looks after calls while the program is stuck in one, and takes a signal even then."""

import os
import select
import signal as signals
import threading
from typing import Callable, Optional

_TICK_S = 0.2
_OWN_BYTE = 0


class Watcher:
    def __init__(self, signal: Optional[int], on_signal: Callable, on_tick: Callable, warn: Callable):
        self._signal = signal
        self._on_signal = on_signal
        self._on_tick = on_tick
        self._warn = warn
        self._thread: Optional[threading.Thread] = None
        self._lock = threading.Lock()
        self._stopped = False
        self._pipe = None
        self._earlier = None
        self._is_wakeup = False

    def take_signal(self) -> None:
        """From the main thread: Python lets no other set a handler."""
        if self._signal is None:
            return
        if threading.current_thread() is not threading.main_thread():
            self._warn("signal", "the signal is not taken, because the capture does not start in the main thread")
            return
        self._make_pipe()
        earlier = signals.getsignal(self._signal)
        self._earlier = signals.SIG_DFL if earlier is None else earlier

        def handler(number, frame):
            if not self._is_wakeup:
                self._wake(self._signal)
            if callable(earlier):
                earlier(number, frame)

        signals.signal(self._signal, handler)
        # A handler runs only between two instructions of the main thread, which may be stuck in one: the C part of
        # signal handling writes the signal's number at once. The descriptor may be in use (asyncio): then without.
        present = signals.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        self._is_wakeup = present == -1
        if not self._is_wakeup:
            signals.set_wakeup_fd(present)
        self.start()

    def start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped:
                self._make_pipe()
                self._thread = threading.Thread(target=self._run, name="simtwin_capture", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self.give_signal_back()
        self._wake(_OWN_BYTE)
        if self._thread is not None:
            self._thread.join(timeout=5)
        # The pipe stays: a handler of the program's may still hold ours and write to it.

    def give_signal_back(self) -> None:
        if self._earlier is None or threading.current_thread() is not threading.main_thread():
            return
        signals.signal(self._signal, self._earlier)
        self._earlier = None
        if self._is_wakeup:
            signals.set_wakeup_fd(-1)

    def _wake(self, byte: int) -> None:
        try:
            if self._pipe is not None:
                os.write(self._pipe[1], bytes([byte]))
        except OSError:
            pass  # Full: it wakes anyway.

    def _make_pipe(self) -> None:
        if self._pipe is None:
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)

    def _run(self) -> None:
        while not self._stopped:
            try:
                ready, _, _ = select.select([self._pipe[0]], [], [], _TICK_S)
                if ready and self._signal is not None and self._signal in os.read(self._pipe[0], 4096):
                    self._on_signal()
                elif not self._stopped:
                    self._on_tick()
            except Exception as error:
                self._warn("watcher", str(error))
