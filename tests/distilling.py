"""What tests of training share: a tiny model, sines, and survivors that describe them."""

import pytest
import soundfile
import tiny_model

from mgrd import progress, tables
from mgrd.options import Distill

QUIET = progress.Story(quiet=True)
FAST = Distill(epochs=2, lr=1e-2, batch_size=4)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny_model.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for hz in (220, 440):
        soundfile.write(folder / f"{hz}.wav", tiny_model.tone(1 + hz / 1000, hz), tiny_model.SR)
    soundfile.write(folder / "long.wav", tiny_model.tone(tiny_model.WINDOW_S + 1, 220), tiny_model.SR)
    return folder


def trace(number, **columns):
    hz = (220, 440)[number % 2]
    return {
        "trace_id": f"q{number}.0.0",
        "audio": [f"{hz}.wav"],
        "audio_sha": [None],
        "question": "High or low?",
        "choices": ["high", "low"],
        "think": f"It is near {hz} Hz" + ", steady" * (number % 4),
        "response": "high" if hz == 440 else "low",
        "passed": True,
    } | columns


@pytest.fixture
def survivors(tmp_path, clips):
    """Write traces as a filtered folder that knows where its audio is."""

    def write(*rows, name="round"):
        rows = rows or [trace(number) for number in range(10)]
        tables.write_table(list(rows), tmp_path / name / "survivors.parquet", tables.JUDGED)
        tables.write_json({"generate": {"audio_root": str(clips)}}, tmp_path / name / "manifest.json")
        return tmp_path / name

    return write


def run(folder, model, out, options=FAST, **more):
    """Distil the survivors of a folder; without one, what the options replay."""
    from mgrd.distill import distill

    return distill([folder] if folder else [], model, out, options, **({"story": QUIET} | more))


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")
