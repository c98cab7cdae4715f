"""What a processor says about itself, and whether its template has a place for audio."""

from types import SimpleNamespace

import pytest

from mgrd.engines.chat import places_audio, window_s

jinja2 = pytest.importorskip("jinja2")

PARTS = "{% for part in messages[0].content %}{{ part.text if part.type == 'text' else '<audio>' }}{% endfor %}"
TEXT_OF_PARTS = "{% for part in messages[0].content %}{{ part.text }}{% endfor %}"
TEXT_ALONE = "{{ 'user: ' + messages[0].content }}"


def processor_with(template):
    def apply(messages, **_):
        return jinja2.Template(template).render(messages=messages)

    return SimpleNamespace(apply_chat_template=apply)


@pytest.mark.parametrize(("template", "places"), [(PARTS, True), (TEXT_OF_PARTS, False), (TEXT_ALONE, False)])
def test_a_template_that_knows_text_alone_has_no_place_for_audio(template, places):
    assert places_audio(processor_with(template)) is places


class Whispers:
    n_samples, sampling_rate = 480_000, 16_000

    def __call__(self, speech, truncation=True, max_length=None):
        """Cuts at n_samples."""


class CutsSilently:
    sampling_rate = 16_000

    def __call__(self, speech, truncation=True, max_length=320_000):
        """Cuts at max_length."""


class CutsNothing:
    sampling_rate = 16_000

    def __call__(self, speech, truncation=False, max_length=320_000):
        """Only pads."""


@pytest.mark.parametrize(
    ("extractor", "seconds"),
    [(Whispers(), 30), (CutsSilently(), 20), (CutsNothing(), float("inf")), (None, float("inf"))],
)
def test_the_window_is_where_the_extractor_would_cut(extractor, seconds):
    assert window_s(SimpleNamespace(feature_extractor=extractor)) == seconds
