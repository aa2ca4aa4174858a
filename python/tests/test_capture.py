"""The package by itself: what it records, what it leaves alone, and that no failure of its own reaches the program."""

import contextlib
import glob
import importlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import simtwin_capture
from simtwin_capture._barrier import FileBarrier
from simtwin_capture._options import make_options, options_from_environment, parse_bytes, parse_signal
from stand_in import trtllm_alltoall as alltoall
from stand_in.buffers import read_file, tensor

MODULE = "stand_in.trtllm_alltoall"
PART_WORDS = 4 * 512


def i32(*values):
    return tensor("I32", (len(values),), b"".join(value.to_bytes(4, "little", signed=True) for value in values))


def arguments(rank=0, size=2, workspaces=None, rows=2):
    """Of moe_comm."""
    return {
        "input": tensor("U8", (rows, 16), bytes(range(16)) * rows),
        "send_rank_cum_sum": i32(*range(1, size + 1)),
        "send_indices": i32(*(0 for _ in range(size))),
        "output": tensor("U8", (rows, 16), bytes(16 * rows)),
        "recv_rank_cum_sum": i32(*range(1, size + 1)),
        "recv_indices": i32(*(0 for _ in range(size))),
        "all_workspaces": tensor("U64", (size, PART_WORDS), bytes(8 * size * PART_WORDS)) if workspaces is None else workspaces,
        "ep_rank": rank,
        "ep_size": size,
    }


class CaptureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        alltoall.hooks.clear()
        self.stderr = io.StringIO()
        redirection = contextlib.redirect_stderr(self.stderr)
        redirection.__enter__()
        self.addCleanup(redirection.__exit__, None, None, None)

    def capture(self, **options):
        return simtwin_capture.capture(self.folder, **{"module": MODULE, "barrier": "none", "signal": None, **options})

    def names(self):
        return sorted(os.path.basename(path) for path in glob.glob(os.path.join(self.folder, "*.safetensors")))

    def test_off_the_function_objects_are_untouched(self):
        originals = [getattr(alltoall, op) for op in simtwin_capture.OPS]
        with self.capture():
            self.assertNotIn(alltoall.moe_comm, originals)
        self.assertEqual([getattr(alltoall, op) for op in simtwin_capture.OPS], originals)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("SIMTWIN_CAPTURE_")}
        code = (
            "import simtwin_capture.auto as a, sys; from stand_in import trtllm_alltoall as t\n"
            "assert a.capture is None and not hasattr(t.moe_comm, '__wrapped__')\n"
            "assert not any('AfterImport' in type(f).__name__ for f in sys.meta_path)"
        )
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)

    def test_names_imported_elsewhere_are_wrapped_and_given_back(self):
        elsewhere = sys.modules.setdefault("elsewhere", type(sys)("elsewhere"))
        self.addCleanup(sys.modules.pop, "elsewhere")
        elsewhere.exchange = original = alltoall.moe_comm
        with self.capture():
            elsewhere.exchange(**arguments())
        self.assertIs(elsewhere.exchange, original)
        self.assertEqual(len(self.names()), 1)

    def test_a_module_that_is_imported_later(self):
        removed = sys.modules.pop(MODULE)
        try:
            with self.capture():
                module = importlib.import_module(MODULE)
                module.moe_comm(**arguments())
        finally:
            sys.modules[MODULE] = removed
            sys.modules["stand_in"].trtllm_alltoall = removed
        self.assertEqual(len(self.names()), 1)

    def test_file_names_say_rank_process_and_call(self):
        with self.capture():
            for rank in (0, 1, 0):
                alltoall.moe_comm(**arguments(rank))
        pid = os.getpid()
        self.assertEqual(
            self.names(),
            [f"moe_comm.call{call:06d}.rank{rank:04d}.pid{pid}.part.safetensors" for call, rank in ((0, 0), (0, 1), (1, 0))],
        )

    def test_inputs_before_and_outputs_after(self):
        given = arguments(rank=1)
        view = memoryview(given["all_workspaces"]).cast("B")
        part = 8 * PART_WORDS
        view[part + 2 * 4096] = 9

        def write(_op, _rank):
            view[part] = 5

        alltoall.hooks.append(write)
        with self.capture():
            alltoall.moe_comm(**given)
        file = read_file(os.path.join(self.folder, self.names()[0]))
        self.assertEqual([page for page, _ in file.pages("r1/in")], [2])
        self.assertEqual([page for page, _ in file.pages("r1/out")], [0, 2])
        self.assertEqual(file.bytes("r1/in/output"), bytes(32))
        self.assertEqual(file.bytes("r1/out/output"), bytes([2]) * 32)
        self.assertEqual(file.args["channel_count"], 2)

    def test_limits_and_patterns(self):
        with self.capture(max_calls=2):
            for _ in range(4):
                alltoall.moe_comm(**arguments())
        self.assertEqual(len(self.names()), 2)
        with self.capture(include="moe_comm#1", exclude="moe_local*"):
            for _ in range(3):
                alltoall.moe_comm(**arguments(rank=1))
        self.assertEqual(sum("call000001.rank0001" in name for name in self.names()), 1)
        self.assertEqual(len(self.names()), 3)

    def test_max_bytes(self):
        with self.capture(max_bytes=200):
            for _ in range(3):
                alltoall.moe_comm(**arguments())
        self.assertLessEqual(len(self.names()), 1)
        self.assertEqual(self.stderr.getvalue().count("max_bytes = 200 is used up"), 1)

    def test_a_failure_to_record_is_one_warning_and_changes_nothing(self):
        given = {**arguments(), "send_indices": tensor("F32", (2,), bytes(8))}
        with self.capture():
            for _ in range(3):
                alltoall.moe_comm(**given)
        self.assertEqual(bytes(memoryview(given["output"]).cast("B")), bytes([1]) * 32)
        self.assertEqual(self.names(), [])
        self.assertEqual(
            self.stderr.getvalue(),
            "simtwin_capture: a call of moe_comm is not recorded: send_indices must be I32 of 1 dimensions, but is F32 [2]\n",
        )

    def test_a_folder_that_cannot_be_made(self):
        path = os.path.join(self.folder, "file")
        open(path, "w").close()
        with simtwin_capture.capture(os.path.join(path, "below"), module=MODULE, signal=None):
            alltoall.moe_comm(**arguments())
        self.assertIn("simtwin_capture: nothing is recorded: ", self.stderr.getvalue())

    def test_what_the_call_raises_is_the_callers(self):
        def fail(_op, _rank):
            raise KeyError("own")

        alltoall.hooks.append(fail)
        with self.capture() as capture:
            with self.assertRaises(KeyError):
                alltoall.moe_comm(**arguments())
            self.assertEqual(capture._open, [])
        self.assertEqual(self.names(), [])

    def test_ranks_as_threads_wait_for_each_other(self):
        size = 3
        workspaces = tensor("U64", (size, PART_WORDS), bytes(8 * size * PART_WORDS))
        view = memoryview(workspaces).cast("B")

        def send(_op, rank):
            view[(rank + 1) % size * 8 * PART_WORDS] += 1

        alltoall.hooks.append(send)

        def run(rank):
            time.sleep(0.02 * rank)
            for _ in range(2):
                alltoall.moe_comm(**arguments(rank, size, workspaces))

        with self.capture(barrier="files", barrier_s=20):
            threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(self.names()), 6)
        for name in self.names():
            file = read_file(os.path.join(self.folder, name))
            rank, call = file.args["ep_rank"], file.args["call_index"]
            first = [data[0] for _, data in file.pages(f"r{rank}/in")]
            self.assertEqual(first, [call] if call else [])
            self.assertEqual([data[0] for _, data in file.pages(f"r{rank}/out")], [call + 1])
            self.assertTrue(file.args["in_synchronised"] and file.args["out_synchronised"])

    def test_a_hung_call_that_ends_after_all_is_finished(self):
        goes_on = threading.Event()
        alltoall.hooks.append(lambda _op, _rank: goes_on.wait(20))
        with self.capture(hang_s=0.1):
            thread = threading.Thread(target=lambda: alltoall.moe_comm(**arguments()))
            thread.start()
            end = time.monotonic() + 20
            while not self.names() and time.monotonic() < end:
                time.sleep(0.02)
            path = os.path.join(self.folder, self.names()[0])
            self.assertEqual(read_file(path).metadata["state"], "hung")
            goes_on.set()
            thread.join()
        self.assertEqual(read_file(path).metadata["state"], "finished")
        self.assertEqual(len(self.names()), 1)

    @unittest.skipUnless(hasattr(signal, "SIGUSR1"), "no SIGUSR1")
    def test_the_programs_own_handler_is_called_too_and_comes_back(self):
        seen = []
        own = signal.signal(signal.SIGUSR1, lambda number, _frame: seen.append(number))
        self.addCleanup(signal.signal, signal.SIGUSR1, own)
        handler = signal.getsignal(signal.SIGUSR1)
        with self.capture(signal="USR1"):
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.05)
        self.assertEqual(seen, [signal.SIGUSR1])
        self.assertIs(signal.getsignal(signal.SIGUSR1), handler)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    def test_a_fork_records_under_its_own_name(self):
        with self.capture():
            alltoall.moe_comm(**arguments())
            child = os.fork()
            if child == 0:
                try:
                    alltoall.moe_comm(**arguments())
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
        self.assertEqual([name.split(".pid")[0] for name in self.names()], ["moe_comm.call000000.rank0000"] * 2)

    def test_barrier_knows_files_of_an_earlier_run(self):
        stale = FileBarrier(self.folder, 0.05)
        stale.wait(1, 2, 100)
        self.assertFalse(FileBarrier(self.folder, 0.1).wait(0, 2, 0))


class OptionsTest(unittest.TestCase):
    def test_values(self):
        self.assertEqual([parse_bytes(text) for text in ("12", "4K", "1.5 MiB", "2G", 7)], [12, 4096, 1572864, 2 << 30, 7])
        self.assertEqual([parse_signal(text) for text in ("USR1", "sigusr1", "none")], [signal.SIGUSR1, signal.SIGUSR1, None])

    def test_mistakes_name_the_option(self):
        for given, sentence in (
            ({"max_bytes": "many"}, "max_bytes must be a number of bytes such as 512M or 4G, but is 'many'"),
            ({"signal": "FOO"}, "signal must be a signal such as USR1, or none, but is 'FOO'"),
            ({"keep": "last"}, "keep must be 'first' or 'hung', but is 'last'"),
            ({"hang_s": "-1"}, "hang_s must be a number from 0 on, but is '-1'"),
            ({"barrier": "mpi"}, "barrier must be 'files', 'none' or a function, but is 'mpi'"),
        ):
            with self.assertRaises(ValueError) as raised:
                make_options("x", **given)
            self.assertEqual(str(raised.exception), sentence)

    def test_environment(self):
        self.assertIsNone(options_from_environment({"SIMTWIN_CAPTURE_MAX_CALLS": "3"}))
        options = options_from_environment(
            {"SIMTWIN_CAPTURE_DIR": "x", "SIMTWIN_CAPTURE_MAX_CALLS": "3", "SIMTWIN_CAPTURE_INCLUDE": "a, b"}
        )
        self.assertEqual((options.max_calls, options.include), (3, ("a", "b")))
        with self.assertRaisesRegex(ValueError, "SIMTWIN_CAPTURE_MAXCALLS does not exist; there are"):
            options_from_environment({"SIMTWIN_CAPTURE_DIR": "x", "SIMTWIN_CAPTURE_MAXCALLS": "3"})


if __name__ == "__main__":
    unittest.main()
