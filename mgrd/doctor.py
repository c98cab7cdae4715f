"""What this machine can run, and what is missing: looked up in files and headers, so that it takes seconds.

Loads no model and asks no network. Every fact is `ok` (true, false, or null where nothing hangs on it) with a way to
mend it; a command runs where no fact that it needs says false. Never shows a key, only whether there is one.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

import mgrd
from mgrd import engines, packages
from mgrd.errors import MgrdError
from mgrd.terminal import safe

KEYS = ("MGRD_API_KEY", "HF_TOKEN", "WANDB_API_KEY")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")

GIB = 2**30
LEAST_FREE_GIB = 5
"""Less free disk than this does not hold a round's traces, let alone a model."""
LEAST_SHM_GIB = 1
"""What vLLM's workers share; containers often start with 0.06."""
_WRITE_BYTES, _WRITE_S = 64 * 2**20, 0.5


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at."""

    value: str
    ok: bool | None
    """False when a command that needs it cannot run; None when nothing hangs on it."""
    mend: str | None = None
    """What to do about it: a command, where there is one."""


Facts = dict[str, Fact]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "generate": ("python", "packages", "engine", "model", "disk"),
    "eval": ("python", "packages", "engine", "model", "disk", "clip"),
    "run": ("python", "packages", "engine", "training", "model", "disk", "clip"),
    "distill": ("python", "packages", "training", "model", "disk"),
    "filter": ("python", "packages", "disk", "clip"),
    "measure": ("python", "packages", "clip"),
    "check": ("python", "packages", "clip"),
}
"""By command the facts that it cannot do without; any other command needs the packages alone."""
_ANY = ("python", "packages")


def needs(command: str) -> tuple[str, ...]:
    """The facts that a command cannot do without."""
    return NEEDS.get(command, _ANY)


def examine(
    commands: Sequence[str],
    *,
    folder: Path,
    engine: str | None = None,
    model: Path | None = None,
    audio: Path | None = None,
) -> Facts:
    """Look at all that these commands need, and at what is good to know; `folder` is where they would write.

    `engine` as for `mgrd generate` (default: the one that it would take), `model` a folder, `audio` a clip to decode
    and measure in the place of a tone. For several commands only the pitch of the tone is measured: the packages
    behind the other figures take seconds to import where nothing of them was read before.
    """
    wanted = {name for command in commands for name in needs(command)}
    looks: dict[str, Callable[[], Fact]] = {
        "python": _python,
        "packages": _packages,
        "machine": _machine,
        "gpu": _gpu,
        "shared_memory": _shared_memory,
        **{f"extra_{name}": lambda name=name: _extra(name) for name in _extras()},  # type: ignore[misc]
        "engine": lambda: _engine(engine or engines.default_engine(), named=engine is not None),
        "training": _training,
        "disk": lambda: _disk(folder),
        "model": lambda: _model(model, engine),
        "hub": _hub,
        "keys": _keys,
        "clip": lambda: _clip(audio, whole=audio is not None or len(commands) == 1),
    }
    always = {"machine", "gpu", "shared_memory", "hub", "keys", *(f"extra_{name}" for name in _extras())}
    wanted |= always
    with ThreadPoolExecutor() as pool:  # nvidia-smi may take seconds, and so may imports
        asked = {name: pool.submit(look) for name, look in looks.items() if name in wanted and name != "disk"}
    found = {name: one.result() for name, one in asked.items()}
    if "disk" in wanted:  # alone, because it is timed
        found["disk"] = looks["disk"]()
    return {name: found[name] for name in looks if name in wanted}


def missing(command: str, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """What a command lacks, by name; empty when it can run here."""
    return {name: facts[name] for name in needs(command) if name in facts and facts[name].ok is False}


def report(commands: Sequence[str], facts: Mapping[str, Fact]) -> dict[str, object]:
    """As JSON: `facts` (`value, ok, mend` by name) and `commands` (`runs`, and what is `missing`, by name)."""
    lacks = {command: missing(command, facts) for command in commands}
    return {
        "facts": {name: asdict(fact) for name, fact in facts.items()},
        "commands": {
            command: {"runs": not found, "missing": {name: asdict(fact) for name, fact in found.items()}}
            for command, found in lacks.items()
        },
    }


def lines(commands: Sequence[str], facts: Mapping[str, Fact]) -> Iterator[str]:
    """The same for people: `no` before what is missing, and below it how to mend it."""
    for name, fact in facts.items():
        sign = {True: "ok", False: "no", None: "--"}[fact.ok]
        yield f"{sign}  {name.replace('_', ' '):<14} {safe(fact.value)}"
        if fact.mend and fact.ok is not True:
            yield f"{'':<18} {safe(fact.mend)}"
    yield ""
    able = [command for command in commands if not missing(command, facts)]
    if able:
        yield f"runs here: {', '.join(able)}"
    for command in commands:
        for name, fact in missing(command, facts).items():
            yield f"{command} does not run here: {name.replace('_', ' ')}: {safe(fact.value)}; {safe(fact.mend or '')}"


def _extras() -> list[str]:
    return [name for name in packages.requirements() if name]


def _python() -> Fact:
    found = platform.python_version()
    known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Fact(found, known, None if known else "make an environment with Python 3.11, 3.12 or 3.13")


def _packages() -> Fact:
    lacking = packages.lacking("")
    if lacking:
        return Fact(packages.told(lacking), False, "pip install --upgrade mgrd")
    return Fact(f"mgrd {mgrd.__version__} and the {len(packages.requirements()[''])} packages of its base", True)


def _machine() -> Fact:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return Fact(f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB of memory", None)


def _gpu() -> Fact:
    """Names, memory and driver, as nvidia-smi tells them; what a container may use is what it shows."""
    if shutil.which("nvidia-smi") is None:
        amd = Path("/dev/kfd").exists()
        return Fact("an AMD device" if amd else "none: models run on the CPU", None)
    try:
        said = _nvidia_smi("--query-gpu=name,memory.free,memory.total,driver_version", "--format=csv,noheader,nounits")
    except (OSError, subprocess.SubprocessError) as error:
        return Fact(f"nvidia-smi does not answer ({type(error).__name__})", None, "look at what nvidia-smi itself says")
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line.count(",") == 3]
    if not rows:
        return Fact("none that nvidia-smi shows", None, "check CUDA_VISIBLE_DEVICES and the container's --gpus")
    cards = [f"{name}, {_gib(free)} of {_gib(total)} GiB free" for name, free, total, _ in rows]
    knows = _driver_cuda()
    return Fact(f"{'; '.join(cards)}; driver {rows[0][3]}{f', CUDA up to {knows}' if knows else ''}", None)


def _nvidia_smi(*words: str) -> str:
    return subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, timeout=3, check=True).stdout


def _driver_cuda() -> str | None:
    """The newest CUDA that the driver knows, e.g. `12.8`; None where nvidia-smi does not say."""
    try:
        found = re.search(r"CUDA Version\s*:\s*(\d+\.\d+)", _nvidia_smi("--version"))
    except (OSError, subprocess.SubprocessError):  # an old one does not know the option
        return None
    return found[1] if found else None


def _gib(mib: str) -> str:
    return f"{int(mib) / 1024:.0f}" if mib.isdigit() else "?"


def _shared_memory() -> Fact:
    path = Path("/dev/shm")
    if not path.is_dir():
        return Fact("no /dev/shm", None)
    free = shutil.disk_usage(path).free / GIB
    enough = free >= LEAST_SHM_GIB
    mend = None if enough else "vLLM on several GPUs needs more: start the container with --ipc=host or --shm-size 8g"
    return Fact(f"{free:.2f} GiB free in /dev/shm", None, mend)


def _extra(name: str) -> Fact:
    lacking = packages.lacking(name)
    if lacking:
        return Fact(packages.told(lacking), None, packages.install(name))
    there = map(packages.name, packages.requirements()[name])
    return Fact(", ".join(f"{one} {packages.installed(one)}" for one in there), None)


def _engine(name: str, *, named: bool) -> Fact:
    """Whether the engine that generate would take is installed."""
    if name == "server":
        return Fact("server: any OpenAI-compatible endpoint, --url says which", True)
    extra = {"vllm": "vllm", "transformers": "train"}[name]
    lacking = [one for one in packages.lacking(extra) if packages.name(one) in ("vllm", "torch", "transformers")]
    if lacking:
        return Fact(f"{name}: {packages.told(lacking)}", False, f"{packages.install(extra)}, or use --engine server")
    why = "" if named else " (the default here)"
    torch, build = packages.installed("torch"), _torch_build()
    if name == "vllm" and not _has_gpu():
        return Fact(f"vllm {packages.installed('vllm')}{why}, without a GPU: only its CPU build runs", True)
    mend = "install the torch that is built for your driver's CUDA, or a newer driver"
    if _has_gpu() and build == "cpu":
        return Fact(f"{name}{why}, but torch {torch} is built for the CPU and a GPU is there", False, mend)
    needs_cuda = _torch_cuda() if _has_gpu() else None
    known = _driver_cuda() if needs_cuda else None
    if needs_cuda and known and needs_cuda > int(known.partition(".")[0]):
        told = f"{name}{why}: torch {torch} needs a driver for CUDA {needs_cuda}, this one knows {known}"
        return Fact(told, False, mend)
    return Fact(f"{name}{why}{'' if _has_gpu() else ', on the CPU: for tests and tiny models'}", True)


def _has_gpu() -> bool:
    return Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists()


def _torch_build() -> str | None:
    """`cpu` or `cu130`, where the version of torch says so."""
    found = packages.installed("torch")
    return found.partition("+")[2] or None if found else None


def _torch_cuda() -> int | None:
    """The major version of the CUDA that torch is built for, as its version.py says; imports no torch.

    Any driver of the same major version will do (CUDA's minor version compatibility).
    """
    spec = importlib.util.find_spec("torch")
    path = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    if path is None or not path.is_file():
        return None
    found = re.search(r"^cuda\b[^=\n]*=\s*['\"](\d+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) if found else None


def _training() -> Fact:
    lacking = packages.lacking("train")
    if lacking:
        return Fact(packages.told(lacking), False, packages.install("train"))
    return Fact("torch, transformers, peft and accelerate are there", True)


def _disk(folder: Path) -> Fact:
    """Free space where is written to, and how fast a file gets onto the disk (fsync included)."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    try:
        free, speed = shutil.disk_usage(there).free / GIB, _write_mb_s(there)
    except OSError as error:
        return Fact(f"{there} cannot be written ({error.strerror})", False, "give another folder with -o")
    told = f"{free:,.0f} GiB free at {there}, writes {speed:,.0f} MB/s"
    if free < LEAST_FREE_GIB:
        return Fact(told, False, f"free at least {LEAST_FREE_GIB} GiB, or give a folder on another disk with -o")
    return Fact(told, True)


def _write_mb_s(folder: Path) -> float:
    block, written = os.urandom(2**20), 0
    with tempfile.TemporaryFile(dir=folder) as handle:
        started = time.perf_counter()
        while written < _WRITE_BYTES and time.perf_counter() - started < _WRITE_S:
            written += handle.write(block)
        handle.flush()
        os.fsync(handle.fileno())
        return written / 1e6 / (time.perf_counter() - started)


def _model(model: Path | None, engine: str | None) -> Fact:
    """Whether a model's folder is whole: its config and every weight file that it names."""
    if engine == "server":
        return Fact("the server's", None)
    if model is None:
        return Fact("not looked at", None, "give one with -m FOLDER")
    from mgrd.engines.models import check_model_files, weight_files

    snapshot = cached(str(model))
    if not model.is_dir() and snapshot is not None:
        return Fact(f"{model} is a name of the hub", False, f"it is here already, give its folder: -m {snapshot}")
    try:
        check_model_files(model)
    except MgrdError as error:
        if model.exists():
            return _refused(error, "copy it anew")
        hub = re.fullmatch(r"[\w.-]+/[\w.-]+", str(model))
        near = get_close_matches(model.name, [one.name for one in model.absolute().parent.glob("*/")], 1)
        mend = f"did you mean {model.with_name(near[0])}?" if near else "give the folder of a model with -m"
        mend = f"hf download {model}, then give the folder that it prints" if hub and not near else mend
        return Fact(str(error), False, mend)
    sizes = [(model / name).stat().st_size for name in weight_files(model)]
    return Fact(f"{model}: {len(sizes)} weight file{'s' * (len(sizes) > 1)}, {sum(sizes) / GIB:,.1f} GiB", True)


def _refused(error: MgrdError, otherwise: str) -> Fact:
    """What is wrong with a folder or a clip, and the way out that the error itself has, where it has one."""
    wrong, _, way_out = str(error).rpartition("; ")
    return Fact(wrong, False, way_out) if wrong else Fact(way_out, False, otherwise)


def cached(name: str) -> Path | None:
    """The folder of a hub model's newest snapshot in the Hugging Face cache; None when it is not there."""
    snapshots = hub_cache() / f"models--{name.replace('/', '--')}" / "snapshots"
    found = sorted(snapshots.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    return found[-1].parent if found else None


def hub_cache() -> Path:
    """Where Hugging Face keeps what it has downloaded, by the variables that it reads."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _hub() -> Fact:
    models = sum(1 for _ in hub_cache().glob("models--*")) if hub_cache().is_dir() else 0
    flags = [name for name in OFFLINE if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")]
    offline = f"offline by {', '.join(flags)}" if flags else "no offline flag is set"
    return Fact(f"{models} models in {hub_cache()}; {offline}", None)


def _keys() -> Fact:
    """Which keys are there; never what they are."""
    return Fact(", ".join(f"{name} {'set' if os.environ.get(name) else 'not set'}" for name in KEYS), None)


_TONE_HZ, _TONE_S = 220.0, 1.0


def _clip(audio: Path | None, *, whole: bool) -> Fact:
    """Decode and measure a clip: a tone that is written here and must be found again, or the user's own.

    Unless `whole` of its figures the pitch alone, for which neither scipy nor librosa is imported.
    """
    from mgrd.audio.frames import swift
    from mgrd.audio.load import load

    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            clip = load(audio or _tone(Path(folder)), str(audio or "tone.wav"))
        if whole:
            from mgrd.audio.measure import measure

            found = measure(clip).figure("f0_median_hz")
            pitch_hz, why = found.value, found.why
        else:
            pitches = sorted(swift().detect(clip.mono(clip.sr), clip.sr).pitch_hz)
            pitch_hz, why = (pitches[len(pitches) // 2], None) if pitches else (None, "nothing is voiced")
    except MgrdError as error:
        return _refused(error, "convert it to WAV or FLAC")
    seconds = time.perf_counter() - started
    done = "decoded and measured" if whole else "decoded, and its pitch measured,"
    pitch = f"pitch {pitch_hz:.1f} Hz" if pitch_hz is not None else f"no pitch ({why})"
    told = f"{audio or 'a tone of 220 Hz'}: {done} in {seconds:.1f} s, {pitch}"
    if audio is None and (pitch_hz is None or abs(pitch_hz - _TONE_HZ) > 1):
        return Fact(told, False, "a package that measures is broken: pip install --force-reinstall mgrd")
    return Fact(told if whole else f"{told}; mgrd doctor measure takes all figures", True)


def _tone(folder: Path) -> Path:
    import numpy as np
    import soundfile as sf

    times = np.arange(int(16000 * _TONE_S)) / 16000
    tone = sum(np.sin(2 * np.pi * _TONE_HZ * k * times) / k for k in range(1, 6))
    sf.write(folder / "tone.wav", 0.2 * np.asarray(tone), 16000)
    return folder / "tone.wav"
