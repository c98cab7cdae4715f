"""What analyses, tools and logs say of sound, and what the shape of a phrase tells where no list has its words."""

from __future__ import annotations

import pytest

from mgrd.claims.extract import extract


def found(think: str) -> list[tuple[str, str, int]]:
    """Cue, text and polarity of the claims about the clip."""
    return [(one.cue, one.text, one.polarity) for one in extract(think) if one.modality in ("asserted", "hedged")]


@pytest.mark.parametrize(
    ("think", "claim"),
    [
        ("The first report confirms no plumbing sounds in the recording.", ("source.presence", "plumbing sounds", -1)),
        ("He is shouting, not singing.", ("source.presence", "not singing", -1)),
        ("The interviewer is male.", ("voice.sex", "male", 1)),
        ("The analysis mentions a barking dog.", ("source.presence", "barking dog", 1)),
        ("Diarization shows two speakers.", ("event.count", "two speakers", 1)),
        ("The audio has nine distinct wallops.", ("event.count", "nine distinct wallops", 1)),
        ("Speakers: 2; duration: 8.2 s.", ("event.count", "2", 1)),
        ("Option 3 is contradicted by the lack of engine sounds.", ("source.presence", "engine sounds", -1)),
        ("The wolf howl lifts, then slides all the way down.", ("pitch.contour", "slides all the way down", 1)),
        ("Her voice sounds amiable.", ("voice.quality", "voice sounds amiable", 1)),
        ("He speaks amiably throughout.", ("voice.quality", "speaks amiably", 1)),
        ("背景里有音乐。", ("source.presence", "有音乐", 1)),
        ("嗓音很响亮。", ("loudness.level", "嗓音很响亮", 1)),
    ],
)
def test_the_shape_of_a_phrase_makes_a_claim(think: str, claim: tuple[str, str, int]) -> None:
    assert claim in found(think)


def test_times_in_a_list_and_ranges_with_a_unit_on_both_sides_are_places() -> None:
    assert [cue for cue, *_ in found("Events are detected at 2.1 s, 4.5 s and 8.8 s.")] == ["time.position"] * 3
    assert ("time.position", "2.3s-4.1s", 1) in found("Splashes are present (2.3s-4.1s and 6.0s-6.9s).")


def test_an_adjective_over_a_comma_describes_only_what_it_stands_before() -> None:
    assert not any(cue.startswith("pitch.") for cue, *_ in found("It lacks musical elements, singing, or drums."))


def test_a_transcript_still_reports_words() -> None:
    assert found("The transcript mentions a barking dog.") == []
