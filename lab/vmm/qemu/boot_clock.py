"""The RTC's part of a saved state, which is left out.

A guest of Firecracker has no RTC. At its boot it reads the time from kvm-clock, which emulation does not
have: so a machine that boots has an RTC in its place. kvm-clock tells a restored guest nothing new, so a
machine that is loaded has none, and whatever its guest asks of it is not answered.
"""

DEVICE = b"mc146818rtc"
_FULL, _FOOTER = 0x04, 0x7E
_HEAD = 5  # the kind of a section, and its number


def left_out(state: bytes) -> bytes:
    """``state``, as QEMU's migration stream, without that section; as it is where it has none."""
    name = state.find(bytes([len(DEVICE)]) + DEVICE)
    if name < 0:
        return state
    begin = name - _HEAD
    end = state.find(bytes([_FOOTER]) + state[begin + 1 : name], name)
    if state[begin] != _FULL or end < 0:
        raise ValueError("QEMU wrote the RTC's state in a form that we do not know")
    return state[:begin] + state[end + _HEAD :]
