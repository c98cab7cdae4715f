"""Samples in, figures out, in the few words that the tests of measuring want."""

from __future__ import annotations

from sounds import SR

from mgrd.audio.load import clip_of
from mgrd.audio.measure import measure


def of(samples, sr=SR):
    return measure(clip_of(samples, sr))


def value(measured, name, *scope):
    return measured.figure(name, *scope).value


def within(figure, truth, sigmas=2.0):
    return abs(figure.value - truth) <= sigmas * figure.sigma
