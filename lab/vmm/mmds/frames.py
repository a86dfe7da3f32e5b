"""Reading and writing the few kinds of Ethernet frame that the metadata service exchanges with its guest."""

import struct
from dataclasses import dataclass

ARP, IPV4, TCP = 0x0806, 0x0800, 6
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IP = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")


@dataclass(slots=True)
class Peer:
    """The guest's end of a frame."""

    mac: bytes
    ip: bytes
    port: int = 0


@dataclass(slots=True)
class Segment:
    """One TCP segment from the guest."""

    peer: Peer
    port: int
    seq: int
    ack: int
    flags: int
    mss: int
    payload: bytes


def parse_arp_request(frame: bytes) -> Peer | None:
    """Who asks for our address, or None if this is no ARP request."""
    if len(frame) < 42 or _ETHERNET.unpack_from(frame)[2] != ARP:
        return None
    fields = _ARP.unpack_from(frame, 14)
    return Peer(fields[5], fields[6]) if fields[4] == 1 else None


def arp_reply(mac: bytes, ip: bytes, peer: Peer) -> bytes:
    """``ip`` is at ``mac``."""
    return _ETHERNET.pack(peer.mac, mac, ARP) + _ARP.pack(1, IPV4, 6, 4, 2, mac, ip, peer.mac, peer.ip)


def parse_segment(frame: bytes) -> Segment | None:
    """The TCP segment in ``frame``, or None where there is none or it is cut short.

    Checksums are not looked at: the guest leaves them to its network card, which is us.
    """
    if len(frame) < 54 or _ETHERNET.unpack_from(frame)[2] != IPV4:
        return None
    mac = _ETHERNET.unpack_from(frame)[1]
    ip = _IP.unpack_from(frame, 14)
    start = 14 + (ip[0] & 15) * 4
    end = 14 + ip[2]
    if ip[6] != TCP or end > len(frame) or start + 20 > end:
        return None
    source, port, seq, ack, offset, flags, _, _, _ = _TCP.unpack_from(frame, start)
    data = start + (offset >> 4) * 4
    options = frame[start + 20 : data]
    return Segment(Peer(mac, ip[8], source), port, seq, ack, flags, _mss(options), frame[data:end])


def segment(
    mac: bytes, ip: bytes, port: int, peer: Peer, *, seq: int, ack: int, flags: int, data: bytes
) -> bytes:
    """A frame with one TCP segment to the guest; a SYN announces how large segments may be."""
    options = struct.pack("!BBH", 2, 4, 1460) if flags & SYN else b""
    offset = (20 + len(options)) // 4 << 4
    head = _TCP.pack(port, peer.port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags, 0xFFFF, 0, 0)
    body = head + options + data
    pseudo = ip + peer.ip + struct.pack("!BBH", 0, TCP, len(body))
    body = body[:16] + struct.pack("!H", _checksum(pseudo + body)) + body[18:]
    header = _IP.pack(0x45, 0, 20 + len(body), 0, 0x4000, 64, TCP, 0, ip, peer.ip)
    header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
    return _ETHERNET.pack(peer.mac, mac, IPV4) + header + body


def _mss(options: bytes) -> int:
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 4 or options[1] < 2:
            break
        if options[0] == 2:
            return int.from_bytes(options[2:4], "big")
        options = options[options[1] :]
    return 536


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
