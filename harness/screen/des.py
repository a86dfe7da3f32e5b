"""DES, which nothing else has any more: a VNC server's challenge is answered with it (RFC 6143, 7.2.2).

The tables are those of FIPS 46-3, its bits counted from 1, the most significant first.
"""

from __future__ import annotations

from collections.abc import Sequence

_IP = tuple(start - 8 * row for start in (58, 60, 62, 64, 57, 59, 61, 63) for row in range(8))
_FP = tuple(_IP.index(bit) + 1 for bit in range(1, 65))
_E = tuple((4 * group + step - 1) % 32 + 1 for group in range(8) for step in range(6))
_P = (
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
)
_PC1 = (
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18),
    *(10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22),
    *(14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
)
_PC2 = (
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
)
_SHIFTS = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
_BOXES = (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
)
"""Each four rows of sixteen, a digit an entry."""


def encrypted(block: bytes, key: bytes) -> bytes:
    """One block of eight bytes, under a key of as many, the lowest bits of whose bytes count for nothing."""
    left, right = _halves(_picked(_bits(block), _IP))
    for subkey in _subkeys(key):
        left, right = right, _xor(left, _scrambled(right, subkey))
    bits = _picked([*right, *left], _FP)
    return int("".join(map(str, bits)), 2).to_bytes(8, "big")


def _subkeys(key: bytes) -> list[list[int]]:
    left, right = _halves(_picked(_bits(key), _PC1))
    found = []
    for shift in _SHIFTS:
        left, right = (half[shift:] + half[:shift] for half in (left, right))
        found.append(_picked([*left, *right], _PC2))
    return found


def _scrambled(half: Sequence[int], subkey: Sequence[int]) -> list[int]:
    mixed, found = _xor(_picked(half, _E), subkey), []
    for number, box in enumerate(_BOXES):
        b = mixed[6 * number : 6 * number + 6]
        row, column = 2 * b[0] + b[5], 8 * b[1] + 4 * b[2] + 2 * b[3] + b[4]
        found += [int(bit) for bit in f"{int(box[16 * row + column], 16):04b}"]
    return _picked(found, _P)


def _bits(data: bytes) -> list[int]:
    return [byte >> shift & 1 for byte in data for shift in range(7, -1, -1)]


def _picked(bits: Sequence[int], table: Sequence[int]) -> list[int]:
    return [bits[place - 1] for place in table]


def _halves(bits: list[int]) -> tuple[list[int], list[int]]:
    middle = len(bits) // 2
    return bits[:middle], bits[middle:]


def _xor(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a ^ b for a, b in zip(one, other, strict=True)]
