"""How long a newcomer waits: seconds of the commands that should be instant, and of `make demo` with its peak memory.

    .venv/bin/python benchmarks/times.py                            # starts, and make demo after installation
    .venv/bin/python benchmarks/times.py --install --test --write   # also a new environment and make test; to the page

The makes run on a copy of the checkout in an empty folder, so no earlier run makes them quick and none is touched;
without --install they use the environment that runs this script.
Memory is the sum of the resident sets of all processes at a time, looked at five times a second (Linux only): pages
that processes share count twice, a shorter peak is missed.

What it does not measure: a download (an installation uses what pip's cache holds), a cold disk, another machine, or
whether this one was busy (the load at the start stands beside each figure: near zero, or the figure is worth little).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from page import show

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- times: made by benchmarks/times.py -->", "<!-- end of times -->"
INTERVAL_S = 0.2
STARTS = 5

Row = tuple[str, str, str]
"""What was measured, what it should be at most, and where."""


def start_s(*words: str) -> float:
    """Median seconds of `mgrd WORDS`, process start and exit included; nothing is warmed first."""
    seconds = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mgrd", *words], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def watched(command: list[str], folder: Path) -> tuple[float, int]:
    """Run a command to its end; returns its seconds and the peak of its process tree's memory in bytes.

    Its output is ours, on stderr. Exits when it fails.
    """
    begun = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=sys.stderr)
    peak = 0
    while child.poll() is None:
        peak = max(peak, tree_bytes(child.pid))
        time.sleep(INTERVAL_S)
    seconds = time.perf_counter() - begun
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {child.returncode}")
    return seconds, peak


def tree_bytes(root: int) -> int:
    """Resident memory of a process and its descendants, summed; 0 where there is no /proc."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state parent ...: the name may hold spaces and brackets
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(path.name)], resident[int(path.name)] = int(fields[1]), int(fields[21])
    pages, wanted = 0, [root]
    while wanted:
        pid = wanted.pop()
        pages += resident.get(pid, 0)
        wanted += [child for child, parent in parents.items() if parent == pid]
    return pages * os.sysconf("SC_PAGE_SIZE")


def copy_checkout(folder: Path) -> None:
    """What git would track, with its changes, and with its times, so that make finds an environment up to date."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def where() -> str:
    """The machine, how busy it is, and the day."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores ({platform.machine()}){load}, Python {platform.python_version()}"
    return f"{machine}, {datetime.now(UTC):%Y-%m-%d}"


def measure(given: argparse.Namespace, scratch: Path) -> dict[str, Row]:
    """Every figure that was asked for, by its name in the page."""
    rows: dict[str, Row] = {}
    for words in (["--help"], ["rules"]):
        rows[f"`mgrd {words[0]}`, median of {STARTS}"] = f"{start_s(*words):.2f} s", "0.3 s", where()
    venv = Path(sys.prefix)
    if given.demo or given.install or given.test:
        copy_checkout(scratch)
    if given.install:
        venv, at = scratch / ".venv", where()
        make = ["make", f"VENV={venv}", f"PYTHON={sys.executable}"]
        seconds, _ = watched([*make, f"{venv}/.installed-train,dev"], scratch)
        rows["installation into an empty folder"] = f"{seconds:.0f} s", "300 s", at
    elif (given.demo or given.test) and not [*venv.glob(".installed-*")]:
        sys.exit(f"{venv}: was not made by `make`; use .venv/bin/python after `make test`, or --install")
    make = ["make", f"VENV={venv}"]
    if given.demo:
        at = where()
        seconds, peak = watched([*make, "demo"], scratch)
        rows["`make demo` after installation"] = f"{seconds:.0f} s", "180 s", at
        if peak:
            rows["`make demo`, peak memory"] = f"{peak / 2**30:.2f} GiB", "2 GiB", at
    if given.test:
        at = where()
        seconds, _ = watched([*make, "test"], scratch)
        rows["`make test` after installation"] = f"{seconds:.0f} s", "600 s", at
    return rows


def table(rows: Mapping[str, Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measured | at most | where |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join([name, *row])} |" for name, row in rows.items())]) + "\n"


def updated(page: str, rows: Mapping[str, Row]) -> str:
    """The page with these rows in its section; rows that were not measured now stay, with where they were measured."""
    before, begin, rest = page.partition(BEGIN)
    old, end, after = rest.partition(END)
    if begin and not end:
        sys.exit(f"{PAGE.name}: {BEGIN} has no {END}")
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in old.splitlines() if "|" in line]
    known: dict[str, Row] = {name: (figure, bound, at) for name, figure, bound, at in cells[2:]}
    if not begin:
        before = f"{page.rstrip()}\n\n## Times\n\n" if page else "# Benchmarks\n\n## Times\n\n"
        after = "\n"
    return f"{before}{BEGIN}\n\n{table(known | dict(rows))}\n{END}{after}"


def main() -> None:
    """Measure, print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="only what takes seconds")
    parser.add_argument("--install", action="store_true", help="also a new environment, which the makes then use")
    parser.add_argument("--test", action="store_true", help="also make test")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgrd-times-") as scratch:
        rows = measure(given, Path(scratch))
    show({"times": [table(rows)]}, as_json=given.json)
    if given.write:
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(updated(page, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
