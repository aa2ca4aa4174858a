"""Lets ranks wait for each other through small files, so that no snapshot sees half of what a peer writes.

Each rank has one file: its nonce, its step, and what it has seen of the others. A rank goes on once every other is at the
same step and has seen its nonce: files that an earlier run has left say nothing of this one.
"""

import json
import os
import time
import uuid
from typing import Callable, Dict, Optional

_POLL_S = 0.002


class FileBarrier:
    def __init__(self, directory: str, timeout_s: float, now: Callable[[], float] = time.monotonic):
        self._directory = os.path.join(directory, ".ranks")
        self._timeout_s = timeout_s
        self._now = now
        #: By rank, because ranks may be threads of one process.
        self._own: Dict[int, dict] = {}

    def wait(self, rank: int, size: int, step: int) -> bool:
        """True once every rank has come to `step`. False: it is not known that they have; from then on at once."""
        if size == 1:
            return True
        own = self._own_of(rank)
        if own["left"]:
            return False
        own["step"] = step
        self._write(rank)
        until = self._now() + self._timeout_s
        while True:
            peers = {peer: self._read(peer) for peer in range(size) if peer != rank}
            seen = {str(peer): state["nonce"] for peer, state in peers.items() if state is not None}
            if seen != own["seen"]:
                own["seen"] = seen
                self._write(rank)
            met = [state is not None and state["seen"].get(str(rank)) == own["nonce"] for state in peers.values()]
            arrived = [state is not None and state["step"] >= step for state in peers.values()]
            if all(met) and all(arrived):
                return True
            has_left = any(is_met and state["left"] for is_met, state in zip(met, peers.values()))
            if has_left or self._now() >= until:
                own["left"] = True
                self._write(rank)
                return False
            time.sleep(_POLL_S)

    def tell_hung(self, rank: int, call: int) -> None:
        own = self._own_of(rank)
        own["hung"] = call
        self._write(rank)

    def hung_call(self, rank: int, size: int) -> Optional[int]:
        """A call that hangs on some other rank of this run."""
        own = self._own.get(rank)
        for peer in range(size if own is not None else 0):
            state = None if peer == rank else self._read(peer)
            if state is not None and state["hung"] is not None and own["seen"].get(str(peer)) == state["nonce"]:
                return state["hung"]
        return None

    def leave(self) -> None:
        """Others no longer wait for this process."""
        for rank, own in self._own.items():
            own["left"] = True
            self._write(rank)

    def _own_of(self, rank: int) -> dict:
        if rank not in self._own:
            os.makedirs(self._directory, exist_ok=True)
            self._own[rank] = {"nonce": uuid.uuid4().hex, "step": -1, "seen": {}, "hung": None, "left": False}
        return self._own[rank]

    def _path(self, rank: int) -> str:
        return os.path.join(self._directory, f"rank{rank:04d}.json")

    def _read(self, rank: int) -> Optional[dict]:
        try:
            with open(self._path(rank), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def _write(self, rank: int) -> None:
        temporary = f"{self._path(rank)}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self._own[rank], file)
        os.replace(temporary, self._path(rank))
