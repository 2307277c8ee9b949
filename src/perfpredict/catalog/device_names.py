"""Names of devices as people, drivers and benchmarks write them, brought to one form."""

import re
import unicodedata

_MARKS = re.compile(r"\((?:r|tm|c)\)|[®™©]")
_CPU_CLOCK = re.compile(r"@\s*[\d.]+\s*ghz")
_CPU_GENERATION = re.compile(r"\b\d+(?:st|nd|rd|th)\s+gen\b")
_CPU_CORE_COUNT = re.compile(r"\b\d+-cores?\s+processor\b|\b\d+-cores\b")
_WORD = re.compile(r"[^\W_]+")
_NOISE = frozenset(
    {
        "nvidia", "amd", "intel", "apple", "qualcomm", "habana", "sambanova", "aws", "corporation",
        "geforce", "radeon", "tesla", "instinct", "core", "cpu", "gpu", "processor", "graphics",
        "generation", "platinum", "gold", "silver", "bronze",
    }
)  # fmt: skip


def normalise_name(text: str) -> str:
    """Return the key under which a device name is compared.

    Case, punctuation, vendor, trade marks, series words that add nothing ("GeForce", "Core",
    "Platinum") and a CPU's clock and core count do not matter: "NVIDIA GeForce RTX 4090",
    "RTX 4090" and "nvidia-rtx-4090" are all `rtx4090`.
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    for pattern in (_MARKS, _CPU_CLOCK, _CPU_GENERATION, _CPU_CORE_COUNT):
        folded = pattern.sub(" ", folded)
    words = _WORD.findall(folded.replace("+", " plus "))
    telling = [word for word in words if word not in _NOISE]
    return "".join(telling or words)
