"""Tensors of torch, on the CPU and on a GPU; skipped where there is none."""

import contextlib
import functools
import glob
import io
import os
import sys
import tempfile
import time
import unittest

import simtwin_capture
from stand_in import trtllm_alltoall as alltoall
from stand_in.buffers import read_file

try:
    import torch
except ImportError:
    torch = None

MODULE = "stand_in.trtllm_alltoall"
HAS_CUDA = torch is not None and torch.cuda.is_available()


@unittest.skipIf(torch is None, "no torch")
class TorchTest(unittest.TestCase):
    def record(self, device, during, **options):
        """What is recorded of a call on tensors with gaps, while `during(output, workspaces)` is what the call does."""
        folder = tempfile.mkdtemp()
        whole = torch.arange(4 * 48, dtype=torch.int32, device=device).to(torch.bfloat16).reshape(4, 48)
        output = torch.zeros(4, 32, dtype=torch.bfloat16, device=device)
        workspaces = torch.zeros(2, 600 * 512, dtype=torch.int64, device=device).view(torch.uint64)
        workspaces.view(torch.int64)[0, 599 * 512] = 7
        i32 = dict(dtype=torch.int32, device=device)
        cum_sum, indices = torch.tensor([1, 2], **i32), torch.tensor([0, 1], **i32)
        original = alltoall.moe_comm

        @functools.wraps(original)  # The signature.
        def moe_comm(*args):
            during(args[3], args[6])

        alltoall.moe_comm = moe_comm
        try:
            with simtwin_capture.capture(folder, module=MODULE, barrier="none", **options) as capture:
                alltoall.moe_comm(whole[:, :32], cum_sum, indices, output, cum_sum, indices, workspaces, 0, 2)
                if device == "cuda":
                    torch.cuda.synchronize()
                    end = time.monotonic() + 20
                    while capture._open and time.monotonic() < end:
                        time.sleep(0.05)
        finally:
            alltoall.moe_comm = original
        return self.file(folder), whole

    def file(self, folder):
        (path,) = glob.glob(os.path.join(folder, "*.part.safetensors"))
        return read_file(path)

    def check(self, device, during, told="", **options):
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            file, whole = self.record(device, during, **options)
        self.assertRegex(stderr.getvalue(), f"^{told}$")
        self.assertEqual(file.metadata["state"], "finished")
        self.assertEqual((file.args["vector_bytes"], file.args["input_row_stride_bytes"]), (64, 96))
        rows = whole[:, :32].contiguous().view(torch.uint8).cpu().numpy()
        for at in range(4):
            row = file.bytes("r0/in/input")[96 * at : 96 * at + 96]
            self.assertEqual(row, rows[at].tobytes() + bytes(32))
        self.assertEqual([page for page, _ in file.pages("r0/in")], [599])
        self.assertEqual([page for page, _ in file.pages("r0/out")], [3, 599])
        self.assertEqual(file.bytes("r0/in/output"), bytes(256))
        self.assertEqual(file.bytes("r0/out/output"), bytes([0x80, 0x3F]) * 128)

    @staticmethod
    def work(output, workspaces):
        output.fill_(1)
        workspaces.view(torch.int64)[0, 3 * 512] = 5

    def test_cpu(self):
        self.check("cpu", self.work)

    @unittest.skipUnless(HAS_CUDA, "no GPU")
    def test_cuda(self):
        self.check("cuda", self.work)

    @unittest.skipUnless(HAS_CUDA, "no GPU")
    def test_a_kernel_that_runs_is_hung_until_it_ends(self):
        def slow(output, workspaces):
            # Loading a kernel would wait for the one that runs.
            self.work(output.clone(), workspaces.view(torch.int64).clone().view(torch.uint64))
            for _ in range(6):
                torch.cuda._sleep(2_000_000_000)
            self.work(output, workspaces)

        told = r"simtwin_capture: call 0 of moe_comm on rank 0 runs for [01] s: written as hung\n"
        self.check("cuda", slow, told, hang_s=0.5)

    @unittest.skipUnless(HAS_CUDA, "no GPU")
    def test_a_call_in_a_graph_is_left_alone(self):
        folder = tempfile.mkdtemp()
        count = torch.zeros(1, dtype=torch.int32, device="cuda")
        original = alltoall.moe_comm
        alltoall.moe_comm = functools.wraps(original)(lambda *_args: count.add_(1))
        try:
            with simtwin_capture.capture(folder, module=MODULE, barrier="none"):
                names = ("input", "send_rank_cum_sum", "send_indices", "output", "recv_rank_cum_sum", "recv_indices")
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    alltoall.moe_comm(*(count for _ in names), count, 0, 2)
                graph.replay()
        finally:
            alltoall.moe_comm = original
        self.assertEqual(int(count), 1)
        self.assertEqual(glob.glob(os.path.join(folder, "*.safetensors")), [])


if __name__ == "__main__":
    sys.exit(unittest.main())
