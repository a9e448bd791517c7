"""Distances on the globe in whole numbers: the same on every machine, since nothing is rounded by
a processor. Angles are in millionths of a degree; the Earth is a ball.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

ONE: Final = 10**12  # sines and radians are counted in parts of this
PI: Final = 3_141_592_653_590
DEGREE: Final = 1_000_000
QUARTER: Final = 90 * DEGREE
EARTH_DIAMETER_METRES: Final = 12_742_018
METRES: Final = 1_000
TERMS_MAX: Final = 12  # of the series: beyond a quarter turn's eleventh term nothing is added


def sine(angle: int) -> int:
    """In parts of `ONE`, exact to about the last three digits. Any angle, also a negative one."""
    angle %= 4 * QUARTER
    if angle > 2 * QUARTER:
        return -sine(angle - 2 * QUARTER)
    if angle > QUARTER:
        angle = 2 * QUARTER - angle
    radians = angle * PI // (2 * QUARTER)
    square = radians * radians // ONE
    term = total = radians
    for number in range(1, TERMS_MAX):
        term = -term * square // ONE // (2 * number * (2 * number + 1))
        total += term
        if not term:
            break
    return total


def cosine(angle: int) -> int:
    """In parts of `ONE`."""
    return sine(angle + QUARTER)


def kilometres(latitude: int, longitude: int, to_latitude: int, to_longitude: int) -> int:
    """The way between two points over the globe, to the nearest whole kilometre below."""
    across = sine((to_latitude - latitude) // 2)
    around = sine((to_longitude - longitude) // 2)
    ring = cosine(latitude) * cosine(to_latitude) // ONE
    chord = isqrt(across * across + ring * (around * around) // ONE)
    return EARTH_DIAMETER_METRES * _arc(min(chord, ONE)) // ONE // METRES


def _arc(chord: int) -> int:
    """The angle whose sine this is, in radians: halving the interval that holds it."""
    low, high = 0, QUARTER
    while high - low > 1:
        middle = (low + high) // 2
        if sine(middle) <= chord:
            low = middle
        else:
            high = middle
    return low * PI // (2 * QUARTER)
