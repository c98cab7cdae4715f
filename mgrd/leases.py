"""Locks made of plain files, for a file system that has none of its own.

Each taker puts a file of its own beside the lock's, then looks whether another's is there that excludes it, and if so
takes its own away again and tries later: of two that start at once at least one sees the other. A holder touches its
file; one that nobody has touched for two minutes, or whose process is gone, counts no more. No file is ever taken over,
so there is nothing to race for. Does not protect a process that was suspended for longer than those two minutes.
"""

from __future__ import annotations

import contextlib
import os
import platform
import random
import secrets
import threading
import time
from pathlib import Path
from typing import IO

TOUCHED_EVERY_S, STALE_S = 20.0, 120.0
"""How often a holder touches its file, and how old one is that counts no more."""
SETTLE_S = 2.0
"""How long a taker tries again while the other may only be trying too: its file is younger than this."""

ME = f"{platform.node()}, process {os.getpid()}"

_mine: dict[IO[str], Path] = {}
"""The files of the locks that this process holds."""
_touching = threading.Lock()


def take(handle: IO[str], *, shared: bool) -> str | None:
    """Take the lock of an open file, or change it from exclusive to shared or back; who is in the way, or None.

    `handle.name` is an absolute path. The other's name is empty where it could not write one (a full disk). Raises
    FileNotFoundError when the folder is gone.
    """
    before = _mine.get(handle)
    if before is not None and _is_shared(before) == shared:
        return None
    lowered = before is not None and shared  # nobody else can have it, so there is nothing to look for
    until = time.monotonic() + SETTLE_S
    while True:
        other = None if lowered else _other(handle, shared, before)
        if other is None:
            lease = _made(Path(handle.name), shared)
            other = None if lowered else _other(handle, shared, before, lease)
            if other is None and lease.exists():
                _keep(handle, lease)
                if before is not None:
                    before.unlink(missing_ok=True)
                return None
            lease.unlink(missing_ok=True)
        if other is not None and (other[1] > SETTLE_S or time.monotonic() > until):
            return other[0]
        time.sleep(random.uniform(0.01, 0.1))


def free(handle: IO[str]) -> None:
    """Give the lock of an open file up, if it is held."""
    if lease := _mine.pop(handle, None):
        with contextlib.suppress(OSError):  # it goes stale
            lease.unlink()


def is_lease(path: Path) -> bool:
    """Whether a file beside a lock's is of this module."""
    return "~" in path.name


def _prefix(lock: Path) -> str:
    return f".lock~{lock.name}~"


def _made(lock: Path, shared: bool) -> Path:
    """A new file; nothing else has its name, and an export leaves it out by its ending."""
    lease = lock.with_name(f"{_prefix(lock)}{'s' if shared else 'x'}{secrets.token_hex(8)}.partial")
    with lease.open("x", encoding="utf-8") as handle, contextlib.suppress(OSError):  # who holds it is a kindness
        handle.write(f"{ME}\n{_where()}")
        handle.flush()
    return lease


def _is_shared(lease: Path) -> bool:
    return lease.name.rpartition("~")[2].startswith("s")


def _other(handle: IO[str], shared: bool, *own: Path | None) -> tuple[str, float] | None:
    """Who excludes a taker, and the seconds since it touched its file, both by the clock of the file system."""
    lock = Path(handle.name)
    os.utime(handle.fileno())
    now = os.fstat(handle.fileno()).st_mtime
    for path in lock.parent.iterdir():
        if not path.name.startswith(_prefix(lock)) or path in own or (shared and _is_shared(path)):
            continue
        try:
            age_s = now - path.stat().st_mtime
            holder, _, where = path.read_text(encoding="utf-8").partition("\n")
        except FileNotFoundError:
            continue
        if age_s > STALE_S or _is_gone(holder, where):
            path.unlink(missing_ok=True)
            continue
        return holder, age_s
    return None


def _is_gone(holder: str, where: str) -> bool:
    """Whether a process has ended; one of another machine or container cannot be seen."""
    pid = holder.rpartition(", process ")[2]
    if not where or where != _where() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _where() -> str:
    """What numbers this process: the boot of the machine and the namespace; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _keep(handle: IO[str], lease: Path) -> None:
    _mine[handle] = lease
    if _touching.acquire(blocking=False):  # once a process
        threading.Thread(target=_touch_on, name="mgrd-lock", daemon=True).start()


def _touch_on() -> None:
    while True:
        time.sleep(TOUCHED_EVERY_S)
        for lease in list(_mine.values()):
            with contextlib.suppress(OSError):
                os.utime(lease)
