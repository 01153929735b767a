"""Presolve the set covering model of a coverage by HiGHS, as SciPy has it, and print what is left as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import load_npz


def log_of(path: str) -> str:
    """Let HiGHS presolve and no more; return what it writes to the standard output of this process."""
    matrix = load_npz(path).tocsc()
    ones = np.ones(matrix.shape[1])
    rows, options = LinearConstraint(matrix, 1, np.inf), {"disp": True, "node_limit": 0}
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        milp(ones, constraints=rows, integrality=ones, bounds=Bounds(0, 1), options=options)
        os.dup2(kept, 1)
        file.seek(0)
        return file.read().decode()


if __name__ == "__main__":
    log = log_of(sys.argv[1])
    left = re.search(r"Presolve reductions: rows (\d+)\D.*?; columns (\d+)", log)
    seconds = re.search(r"Timing\s+([\d.]+)", log)
    if left is None or seconds is None:
        sys.exit(f"no presolve in the log:\n{log}")
    rows, columns = map(int, left.groups())
    print(json.dumps({"left": f"{rows:,} x {columns:,}", "seconds": seconds.group(1)}))
