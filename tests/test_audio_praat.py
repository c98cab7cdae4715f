"""Voice quality by Praat: voices whose pulses are known, reasons where there is none, an extra that may be absent."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from sounds import SR, buzz, noise, silence, with_noise

from mgrd.audio import praat
from mgrd.audio.load import survey
from mgrd.audio.measure import measure_file

NAMES = ["jitter_percent", "shimmer_percent", "hnr_db", "cpps_db"]
installed = pytest.mark.skipif(
    importlib.util.find_spec("parselmouth") is None, reason="praat-parselmouth is not installed"
)


def pulses(jitter=0.0, shimmer=0.0, hz=140.0, seconds=3.0):
    """A voice of decaying pulses; each period and each amplitude is off by a normal share."""
    rng = np.random.default_rng(0)
    samples, at_s = np.zeros(round(seconds * SR)), 0.01
    while at_s < seconds - 0.02:
        first = int(at_s * SR)
        t = (np.arange(220) - (at_s * SR - first)) / SR
        pulse = np.where(t >= 0, np.exp(-400 * t) * np.sin(2 * np.pi * 700 * t), 0)
        samples[first : first + 220] += pulse * (1 + shimmer * rng.standard_normal())
        at_s += (1 + jitter * rng.standard_normal()) / hz
    return 0.3 * samples / np.abs(samples).max()


@pytest.fixture
def quality(tmp_path):
    """The figures that Praat gives of samples, by name."""

    def quality(samples, t0_s=None, t1_s=None):
        path = tmp_path / "clip.wav"
        sf.write(path, samples, SR, subtype="FLOAT")
        return praat.voice_figures(path, measure_file(path, survey(path)), t0_s, t1_s)

    return quality


@installed
@pytest.mark.parametrize("share", [0.0, 0.01, 0.02])
def test_jitter_is_that_of_the_pulses(quality, share):
    # the mean difference of two normal numbers is 2 / sqrt(pi) of their deviation
    figure = quality(pulses(jitter=share))["jitter_percent"]
    assert abs(figure.value - 100 * share * 2 / np.sqrt(np.pi)) <= figure.sigma


@installed
@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
def test_shimmer_is_that_of_the_pulses(quality, share):
    figure = quality(pulses(shimmer=share))["shimmer_percent"]
    assert abs(figure.value - 100 * share * 2 / np.sqrt(np.pi)) <= 1.5 * figure.sigma


@installed
def test_the_ratio_is_that_of_the_noise_and_the_noise_is_named(quality):
    clean, noisy = quality(buzz(140, 2.0)), quality(with_noise(buzz(140, 2.0), 10))
    paused = np.concatenate([buzz(140, 1.0), silence(1.0), buzz(140, 1.0)])
    assert abs(noisy["hnr_db"].value - 10) <= noisy["hnr_db"].sigma
    assert noisy["hnr_db"].value < clean["hnr_db"].value
    assert noisy["cpps_db"].value < clean["cpps_db"].value
    assert "counts as roughness" in quality(with_noise(paused, 10))["shimmer_percent"].why


@installed
@pytest.mark.parametrize("sound", [silence(1.0), noise(1.0), buzz(140, 0.2), np.full(SR, 0.3)])
def test_without_a_voice_there_is_a_reason(quality, sound):
    found = quality(sound)
    assert list(found) == NAMES
    assert all(one.value is None and one.why for one in found.values())


@installed
def test_a_stretch_has_its_own_figures_and_a_long_one_none(quality, monkeypatch):
    both = np.concatenate([pulses(), pulses(jitter=0.02)])
    first, second = quality(both, None, 3.0)["jitter_percent"].value, quality(both, 3.0, None)["jitter_percent"].value
    assert (first < 0.5, second > 1.5) == (True, True)
    assert quality(both, 9.0, None)["jitter_percent"].why.startswith("lies outside the clip")
    monkeypatch.setattr(praat, "LONGEST_S", 5.0)
    assert quality(both)["hnr_db"].why == "too long: 6 s, Praat is given 5; name a stretch with --from and --to"


@installed
def test_measure_shows_them_when_they_are_asked_for_and_keeps_none(run, tmp_path):
    for number in range(6):
        sf.write(tmp_path / f"{number}.wav", pulses(), SR)
    one = tmp_path / "0.wav"
    plain = json.loads(run("measure", one, "--json", "-o", tmp_path / "out")[1])["clips"][0]["figures"]
    asked = json.loads(run("measure", one, "--json", "-o", tmp_path / "out", "--praat")[1])["clips"][0]["figures"]
    assert sorted(asked.keys() - plain.keys()) == sorted(NAMES)
    assert json.loads(run("measure", one, "--json", "-o", tmp_path / "out")[1])["clips"][0]["figures"] == plain
    assert "jitter_percent" in run("measure", one, "--praat")[1]
    assert "jitter %  shimmer %  HNR dB  CPPS dB  clip" in run("measure", tmp_path, "--praat", "--workers", 1)[1]


def test_without_the_extra_measure_says_which_one_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    sf.write(tmp_path / "a.wav", buzz(140, 1.0), SR)
    code, out, error = run("measure", tmp_path / "a.wav", "-o", tmp_path / "out", "--praat")
    said = "Error: --praat: praat-parselmouth is not installed here; pip install 'mgrd[praat]' (it is GPL)\n"
    assert (code, out, error, (tmp_path / "out").exists()) == (1, "", said, False)


def test_nothing_imports_praat_that_was_not_asked_to(tmp_path):
    sf.write(tmp_path / "a.wav", buzz(140, 1.0), SR)
    code = f"""
import sys
from mgrd.cli import main
try:
    main(["measure", {str(tmp_path / "a.wav")!r}, "--quiet"])
except SystemExit as ended:
    assert not ended.code
assert "parselmouth" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
