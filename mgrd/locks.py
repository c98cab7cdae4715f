"""Who works in a folder: one process that has all of it, or several with a shard each.

A lock is the kernel's (flock), so it ends with its process however that ends. Its file says who holds it, for the
error of the other. On a file system without locks plain files are the locks (mgrd.leases). Knows nothing about what a
folder holds.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mgrd import leases
from mgrd.errors import MgrdError
from mgrd.progress import Story
from mgrd.shards import Shard, named

LOCK = ".lock"
TURN = ".lock-turn"
TURN_WAIT_S = 600.0

_WAIT_S = 1.0
"""How long the owner of a whole folder waits: another may only be looking who works there."""
_SHARD_WAIT_S = 5.0
"""How long a shard waits: another may only be looking whether a lock is taken, or be ending."""
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}
"""What network file systems that are mounted without locks say."""

_TRIES = 100
"""To make a folder that others remove at the same time; what /proc has takes no files at all."""

_kept: dict[Path, list[IO[str]]] = {}
"""The locks that this process keeps, by folder: the folder's, then the shard's if it has one."""
_made: dict[Path, list[Path]] = {}
"""The folders that had to be made for a lock, innermost first."""


def keep(folder: Path, shard: Shard | None = None) -> None:
    """Lock `folder`, or a shard of the work in it, until this process ends: once is enough for all its stages.

    Raises MgrdError, naming who, when another works on the same: on the whole folder, or on a shard that has questions
    in common with this one.
    """
    if (where := folder.resolve()) in _kept:
        return
    whole = lock(folder, _SHARD_WAIT_S if shard else _WAIT_S, shared=shard is not None)
    held = _kept[where] = [whole]
    try:
        if shard is None:
            _remove_shard_locks(folder)
        else:
            held.append(_lock_shard(folder, shard))
    except BaseException:
        leave(folder)
        raise
    atexit.register(leave, where)


def leave(folder: Path) -> None:
    """Give up what `keep` has locked, if anything."""
    for handle in reversed(_kept.pop(folder.resolve(), [])):  # the folder's last
        release(handle)


def share(folder: Path) -> None:
    """Let the shards of this job be worked on by others, who keep the folder from everyone else meanwhile.

    Raises MgrdError when another took the folder in between: the kernel gives a lock up before it shares it.
    """
    where = folder.resolve()
    whole, *held = _kept[where]
    for handle in held:
        release(handle)
    _kept[where] = [whole]
    _take(whole, folder, _SHARD_WAIT_S, shared=True)


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """One shard at a time: for what changes a file that they share. Waits for the others."""
    with _opened(folder / TURN) as handle:
        _take(handle, folder, TURN_WAIT_S)
        try:
            yield
        finally:
            _sign(handle, "")  # before it is free: it would wipe the next one's name


def lock(
    folder: Path,
    wait_s: float = 0.0,
    story: Story | None = None,
    check: Callable[[], object] | None = None,
    *,
    shared: bool = False,
) -> IO[str]:
    """Make `folder` and lock it against every other mgrd; it is free when the file is closed by all who inherited it.

    A `shared` lock admits others that are shared. Waits up to `wait_s` for the other, calling `check` meanwhile.
    Raises MgrdError when the other is still there.
    """
    path = folder.absolute() / LOCK
    tries = 0
    while True:
        made = [one for one in path.parents if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = _open(path)
        except FileNotFoundError:  # another one has just released the folder that it had made
            tries += 1
            if tries == _TRIES:
                raise MgrdError(f"{folder}: no file can be made there; give another -o") from None
            continue
        try:
            _take(handle, folder, wait_s, story or Story(), check, shared=shared)
        except FileNotFoundError:  # as above
            _close(handle)
            continue
        except BaseException:
            _close(handle)
            raise
        if _is_at(handle, path):
            _made[path] = made
            return handle
        _close(handle)


def worker(folder: Path) -> str | None:
    """Who works in a folder (host and process; `` when it does not say); None when nobody is seen to."""
    try:
        handle = (folder / LOCK).open(encoding="utf-8")
    except OSError:
        return None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for as long as it is open here
        except BlockingIOError:
            return _of_shards(folder) or _read(handle)
        except OSError:  # where the kernel has no locks, who only looks leaves no lease
            return None
    return None


def _of_shards(folder: Path) -> str:
    """Who holds shards of a folder's work: the first by name, and how many more; empty when nobody is seen to.

    Who shares a folder has signed the lock of its shard, and not that of the folder.
    """
    found = []
    for path in sorted(folder.glob(f"{LOCK}-*-of-*")):
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # for as long as it is open here
            except BlockingIOError:
                found.append(_read(handle))
            except OSError:  # as in `worker`
                return ""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else ""


def release(handle: IO[str]) -> None:
    """Free a locked folder; where nothing was written, what `lock` made goes: a refused command leaves no trace."""
    path = Path(handle.name)
    with contextlib.suppress(OSError):  # it may be gone, another's, or shared with others that go on
        if path.name == LOCK and _try(handle, shared=False) is None:
            present = list(path.parent.iterdir())
            if all(one.name.startswith(LOCK) for one in present):
                for one in present:
                    if not leases.is_lease(one):
                        one.unlink()
                leases.free(handle)
                for folder in _made.get(path, []):
                    folder.rmdir()
    _sign(handle, "")
    _close(handle)


def _lock_shard(folder: Path, shard: Shard) -> IO[str]:
    handle = _open(folder / f"{LOCK}-{shard.name}")
    try:
        _take(handle, folder, _SHARD_WAIT_S, what=f"shard {shard.index}/{shard.count}")
        for path in folder.glob(f"{LOCK}-*-of-*"):
            other = named(path.name)
            if other is not None and other != shard and shard.overlaps(other):
                with _opened(path) as probed:
                    _take(probed, folder, 0.0, shared=True, what=f"shard {other.index}/{other.count}")
    except BaseException:
        _close(handle)
        raise
    return handle


def _remove_shard_locks(folder: Path) -> None:
    """Nobody holds one: that would need a share of the folder's own lock."""
    for path in folder.glob(f"{LOCK}-*"):
        with _opened(path) as probed:
            _take(probed, folder, 0.0, shared=True, what="a shard")
        path.unlink(missing_ok=True)


def _open(path: Path) -> IO[str]:
    return path.absolute().open("a+", encoding="utf-8")  # not w: it would wipe who holds it


def _close(handle: IO[str]) -> None:
    leases.free(handle)
    handle.close()


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    handle = _open(path)
    try:
        yield handle
    finally:
        _close(handle)


def _is_at(handle: IO[str], path: Path) -> bool:
    """Whether the open file is still what `path` names: its last owner may have removed it."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _take(
    handle: IO[str],
    folder: Path,
    wait_s: float,
    story: Story | None = None,
    check: Callable[[], object] | None = None,
    *,
    shared: bool = False,
    what: str = "",
) -> None:
    since = time.monotonic()
    told = False
    while (holder := _try(handle, shared=shared)) is not None:
        if time.monotonic() - since >= wait_s:
            holder = holder if what else _of_shards(folder) or holder
            works = f"another mgrd{' (' + holder + ')' if holder else ''} works"
            raise MgrdError(f"{folder}: {works} {'on ' + what if what else 'in this folder'}; wait for it or stop it")
        if story and not told:
            story.note(f"{folder}: another mgrd works in this folder; waiting up to {wait_s:g} s for it to end")
            told = True
        if check:
            check()
        time.sleep(0.1)
    if not shared:
        _sign(handle, leases.ME)


def _try(handle: IO[str], *, shared: bool) -> str | None:
    """Lock an open file: None when it is, else who has it, as far as is known."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(handle)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return leases.take(handle, shared=shared)
    return None


def _read(handle: IO[str]) -> str:
    handle.seek(0)
    return handle.read(200).strip()


def _sign(handle: IO[str], text: str) -> None:
    with contextlib.suppress(OSError):  # who holds it is a kindness; the lock is the kernel's
        handle.truncate(0)
        handle.write(text)
        handle.flush()
