"""The ten GUTG axes, on which a product is judged as a gift. The one place that names them.

A gift fills a gap of the one who gets it. There are five gaps, each in a form that shows outward, to others, and in one
that is felt inward. A product has a number from 0 (nothing of it) to 1 (made for it) on each axis.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    gap: str
    form: str
    description: str


AXES: tuple[Axis, ...] = (
    Axis(
        "recognition",
        "identity",
        "outward",
        "It lets others see who the person is: status, achievement, belonging, something to be admired for.",
    ),
    Axis(
        "taste",
        "identity",
        "inward",
        "It meets the person's own taste: beauty, design, style, things chosen for how they look and feel.",
    ),
    Axis(
        "relief",
        "burden",
        "inward",
        "It takes strain, pain, worry or effort away: comfort, health, care, help with a nuisance.",
    ),
    Axis(
        "order",
        "burden",
        "outward",
        "It brings order and control into the surroundings: storage, organising, planning, tools, a tidy home.",
    ),
    Axis(
        "beginning",
        "growth",
        "outward",
        "It starts something new: a first step into a hobby, a journey, an adventure, a set for beginners.",
    ),
    Axis(
        "mastery",
        "growth",
        "inward",
        "It deepens a skill or knowledge that is there: better equipment, books, training, a challenge.",
    ),
    Axis(
        "memory",
        "connection",
        "inward",
        "It keeps a moment or a person: photographs, personal engraving, keepsakes, family, nostalgia.",
    ),
    Axis(
        "ritual",
        "connection",
        "outward",
        "It is shared or repeated: tea, coffee, dinner with friends, games, celebrations, daily habits.",
    ),
    Axis(
        "indulgence",
        "pleasure",
        "outward",
        "It is a treat and a luxury that one would not buy oneself: sweets, perfume, delicacies, extravagance.",
    ),
    Axis(
        "rest",
        "pleasure",
        "inward",
        "It gives quiet and recovery: sleep, bath, warmth, relaxation, stillness, time for oneself.",
    ),
)
AXIS_NAMES: tuple[str, ...] = tuple(axis.name for axis in AXES)
