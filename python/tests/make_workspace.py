"""The workspace that the ranks share, as it was before a capture's call. Usage: make_workspace.py CAPTURE FILE"""

import sys

from stand_in.buffers import read_file

capture = read_file(sys.argv[1])
stride = capture.args["rank_stride_bytes"]
with open(sys.argv[2], "wb") as file:
    file.truncate(stride * capture.args["ep_size"])
    for rank in range(capture.args["ep_size"]):
        for page, data in capture.pages(f"r{rank}/in"):
            file.seek(rank * stride + page * 4096)
            file.write(data[: stride - page * 4096])
