"""Whether every clip is counted in what a processor made of a batch."""

from types import SimpleNamespace

import pytest

from mgrd.engines.placeholders import check_audio

torch = pytest.importorskip("torch")

EARS = SimpleNamespace(sampling_rate=16_000, hop_length=160)


def mask_of(*kept_s):
    """The frames that a processor keeps of each clip, 100 a second."""
    return {"feature_attention_mask": torch.tensor([[int(n < 100 * one) for n in range(400)] for one in kept_s])}


def clips_of(*lengths_s):
    return [[round(16_000 * one)] for one in lengths_s]


def test_a_clip_that_is_cut_is_found_though_another_of_its_batch_is_padded():
    with pytest.raises(ValueError, match=r"keeps 1\.0 s of 2\.0 s of sound"):
        check_audio(mask_of(4, 1), clips_of(1, 2), None, EARS)


def test_windows_and_rounding_may_take_a_few_frames_of_each_clip_and_no_more():
    check_audio(mask_of(0.95, 2.92), clips_of(1, 3), None, EARS)

    with pytest.raises(ValueError, match="would be cut off"):
        check_audio(mask_of(0.95, 2.85), clips_of(1, 3), None, EARS)


def test_a_family_with_another_number_of_rows_is_compared_by_the_sum():
    check_audio(mask_of(2, 1), clips_of(3), None, EARS)

    with pytest.raises(ValueError, match=r"keeps 2\.0 s of 3\.0 s of sound"):
        check_audio(mask_of(1, 1), clips_of(3), None, EARS)
