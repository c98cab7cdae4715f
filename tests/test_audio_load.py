"""What is decoded, what is refused and why, and that a clip's name is its sound."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import SR, buzz, noise, silence, sine

from mgrd.audio.load import Clip, channel_alone, clip_of, load, probe, survey
from mgrd.audio.measure import measure
from mgrd.errors import InputError


def wav(samples, sr=SR, subtype="FLOAT", form="WAV"):
    out = io.BytesIO()
    soundfile.write(out, np.asarray(samples).T, sr, format=form, subtype=subtype)
    return out.getvalue()


def test_a_clip_is_the_samples_that_were_written(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(sine(220, 0.5)))
    clip = load(path)
    assert (clip.sr, clip.samples.shape, clip.duration_s, clip.name) == (SR, (1, 8000), 0.5, str(path))
    np.testing.assert_array_equal(clip.samples[0], sine(220, 0.5))


def test_bytes_and_a_file_are_the_same_clip(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(sine(220, 0.5)))
    assert (
        load(path).sha == load(path.read_bytes(), "embedded").sha == survey(path).sha == clip_of(sine(220, 0.5), SR).sha
    )


def test_the_sha_is_of_the_sound_and_not_of_the_file(tmp_path):
    samples = np.round(sine(220, 0.5) * 2**15) / 2**15
    same = [wav(samples, subtype="PCM_16"), wav(samples, subtype="PCM_24"), wav(samples, form="FLAC", subtype="PCM_16")]
    assert len({load(data).sha for data in same}) == 1
    different = [samples, samples[:-1], -samples, np.stack([samples, samples])]
    shas = {clip_of(np.asarray(one, dtype=np.float32), SR).sha for one in different} | {clip_of(samples, 2 * SR).sha}
    assert len(shas) == 5


@pytest.mark.parametrize("sr", [8000, 11025, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels_mixes_down(sr, channels):
    clip = load(wav(np.tile(sine(440, 0.3, sr=sr), (channels, 1)), sr, "PCM_24"))
    mono = clip.mono(SR)
    assert mono.dtype == np.float32
    assert abs(len(mono) - 0.3 * SR) <= 1
    middle = mono[1600:3200].astype(np.float64)
    assert 10 * np.log10(np.mean(middle**2)) == pytest.approx(-20, abs=0.1)


def test_opposite_phases_do_not_cancel():
    tone = sine(440, 0.5)
    clip = clip_of(np.stack([0.5 * tone, -tone]) * np.float32(0.9), SR)
    assert channel_alone(clip.samples) is None  # a third of it survives the mean
    opposite = clip_of(np.stack([0.999 * tone, -tone]), SR)
    np.testing.assert_array_equal(opposite.mono(SR), -tone)


def test_channels_that_differ_are_averaged():
    left, right = noise(0.5, seed=1), noise(0.5, seed=2)
    np.testing.assert_allclose(clip_of(np.stack([left, right]), SR).mono(SR), (left + right) / 2, atol=1e-7)


def test_probe_knows_the_length_without_decoding(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(wav(np.stack([sine(220, 1.5), sine(220, 1.5)]), form="FLAC", subtype="PCM_16"))
    assert probe(path) == (1.5, SR, 2)


def refusal(source, name="clip.wav"):
    with pytest.raises(InputError) as refused:
        load(source, name)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{name}: ")
    with pytest.raises(InputError, match=message.split("(", maxsplit=1)[0].split(":")[1].strip()[:20]):
        survey(source, name)
    return message


def test_what_is_not_there_or_empty_is_named(tmp_path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert "no such audio file" in refusal(tmp_path / "none.wav")
    assert "is not a file" in refusal(tmp_path)
    assert "is empty (0 bytes)" in refusal(empty)
    assert "is empty (0 bytes)" in refusal(b"")
    assert "holds no samples" in refusal(wav([]))


def test_what_is_not_audio_is_named():
    assert "is not audio that libsndfile reads" in refusal(b"once upon a time " * 100)
    assert "is not audio that libsndfile reads" in refusal(b"RIFF")


def test_a_truncated_wav_names_both_lengths():
    whole = wav(sine(220, 1.0), subtype="PCM_16")
    assert "promises 32000 bytes of audio and 16000 are there" in refusal(whole[:-16000])


def test_a_truncated_flac_names_both_lengths():
    data = wav(noise(3.0), form="FLAC", subtype="PCM_16")
    message = refusal(data[: len(data) // 2])
    assert "promises 3.00 s" in message
    assert "truncated" in message


def test_a_wav_written_to_a_pipe_promises_nothing():
    data = wav(sine(220, 0.5), subtype="PCM_16")
    at = data.index(b"data") + 4
    for length in (0xFFFFFFFF, 0x7FFFFFFF):
        assert load(data[:at] + struct.pack("<I", length) + data[at + 4 :]).duration_s == pytest.approx(0.5, abs=0.01)


def test_samples_that_are_no_numbers_are_named_with_their_time():
    for bad in (np.nan, np.inf, -np.inf):
        samples = sine(220, 0.5)
        samples[4000] = bad
        assert "NaN or infinite, at 0.250 s" in refusal(wav(samples))


@pytest.mark.parametrize("peak", [1.1e4, 1e20, 1e30, -1e30])
def test_samples_that_were_never_sound_are_named_with_their_time(peak):
    samples = sine(220, 0.5)
    samples[4000] = peak
    message = refusal(wav(samples))
    assert (
        message
        == f"clip.wav: holds a sample of {np.float32(peak):.3g}, and full scale is 1, at 0.250 s; export it again"
    )


def test_samples_far_over_full_scale_are_sound():
    assert load(wav(sine(220, 0.5) / 0.2 * 9e3)).samples.max() == pytest.approx(9e3 * 0.1414 / 0.2, rel=0.01)


def test_a_click_is_too_short():
    assert "is 10.0 ms long; at least 20 ms are needed" in refusal(wav(sine(220, 0.01)))
    assert load(wav(sine(220, 0.02))).duration_s == 0.02


@pytest.mark.parametrize("sr", [8, 20, 999])
def test_a_rate_too_low_for_any_sound_is_refused_by_name(sr):
    samples = sine(1, 2, sr=sr)
    assert f"has a sample rate of {sr} Hz; at least 1000 Hz are needed" in refusal(wav(samples, sr))
    with pytest.raises(InputError, match=f"samples: has a sample rate of {sr} Hz"):
        clip_of(samples, sr)


def test_the_least_rate_can_be_measured():
    assert measure(clip_of(sine(110, 2, sr=1000), 1000)).figures["f0_median_hz"].value == pytest.approx(110, rel=0.01)


def test_a_clip_that_would_fill_the_memory_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("mgrd.audio.load.HELD_SAMPLES", 8000)
    with pytest.raises(InputError, match="cut it into shorter clips"):
        load(wav(buzz(220, 1.0)), "long.wav")
    assert survey(wav(buzz(220, 1.0)), "long.wav").samples == SR


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")])
def test_common_formats_are_read(form, subtype):
    clip = load(wav(buzz(220, 1.0), form=form, subtype=subtype))
    assert clip.duration_s == pytest.approx(1.0, abs=0.1)


def test_a_clip_in_memory_is_checked_like_a_file():
    with pytest.raises(InputError, match="too_short: is"):
        clip_of(silence(0.01), SR, "too_short")
    assert isinstance(clip_of(silence(1), SR), Clip)


def test_every_real_clip_is_read(real):
    paths = sorted([*(real / "fsdd").glob("*.wav"), *(real / "emodb").glob("*.wav")])
    assert all(load(Path(path)).duration_s == probe(path)[0] for path in paths)
