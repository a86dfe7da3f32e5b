"""The metadata service on the guest's network: ARP and TCP for one address, on the TAP itself.

Firecracker takes these frames out inside its network device. Here a packet socket on the TAP, with a kernel
filter that lets nothing else through, sees what the guest sends to the metadata address and answers into
the TAP. So the guest's other traffic costs nothing more, and nothing of this is part of a snapshot. One
difference: the frames are also seen by the host's side of the TAP, which has no use for them.
"""

import ctypes
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.vmm.mmds import frames
from lab.vmm.mmds.frames import ACK, FIN, PSH, RST, SYN, Peer, Segment

MAC = bytes.fromhex("060123456701")
PORT = 80
DEFAULT_ADDRESS = "169.254.169.254"
MAX_CONNECTIONS = 30
MAX_REQUEST = 8192
MAX_UNACKED = 1024 * 1024
ETH_P_ALL = 0x0003
SO_ATTACH_FILTER = 26
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
LOAD_WORD, LOAD_HALF, LOAD_BYTE, JUMP_EQUAL, RETURN = 0x20, 0x28, 0x30, 0x15, 0x06  # classic BPF

Answer = Callable[[bytes], tuple[bytes, bool]]


@dataclass(slots=True)
class _Connection:
    peer: Peer
    mss: int
    received: int  # the next sequence number we expect
    sent: int  # the next sequence number we use
    acked: int
    request: bytearray = field(default_factory=bytearray)
    unacked: bytearray = field(default_factory=bytearray)
    finished: bool = False


class MetadataNic:
    """Answers one guest interface."""

    def __init__(self, device: str, address: str, answer: Answer) -> None:
        """``answer`` takes a whole HTTP request and returns a response, and whether to close after it."""
        self._ip = socket.inet_aton(address)
        self._answer = answer
        self._connections: dict[tuple[bytes, int], _Connection] = {}
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        _attach_filter(self.socket, self._ip)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)

    def ready(self) -> None:
        """Answer one frame."""
        try:
            frame = self.socket.recv(65536)
        except OSError:  # the device went down; it will say more when it is up again
            return
        asking = frames.parse_arp_request(frame)
        if asking is not None:
            self._transmit(frames.arp_reply(MAC, self._ip, asking))
            return
        segment = frames.parse_segment(frame)
        if segment is not None:
            self._take(segment)

    def _take(self, got: Segment) -> None:
        key = (got.peer.ip, got.peer.port)
        connection = self._connections.get(key)
        if got.flags & RST:
            self._connections.pop(key, None)
        elif got.flags & SYN and got.port == PORT:
            self._open(key, got)
        elif connection is None or got.port != PORT:
            self._reset(got)
        else:
            self._continue(key, connection, got)

    def _open(self, key: tuple[bytes, int], got: Segment) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:  # the oldest makes room
            del self._connections[next(iter(self._connections))]
        start = secrets.randbits(32)
        mss = max(min(got.mss, 1460), 88)
        connection = _Connection(got.peer, mss, got.seq + 1 & 0xFFFFFFFF, start + 1, start + 1)
        self._connections[key] = connection
        self._send(connection, SYN | ACK, seq=start)

    def _continue(self, key: tuple[bytes, int], connection: _Connection, got: Segment) -> None:
        connection.peer = got.peer  # a guest may change its MAC in between
        self._acknowledged(connection, got.ack)
        if got.payload and len(connection.unacked) > MAX_UNACKED:  # it asks on and on, and takes no answer
            del self._connections[key]
            self._reset(got)
            return
        if got.seq != connection.received:
            self._send(
                connection, ACK
            )  # out of order or again: say what we have, and repeat what it may lack
            self._repeat(connection)
            return
        connection.received = connection.received + len(got.payload) & 0xFFFFFFFF
        connection.request += got.payload
        if got.payload:
            self._respond(connection)
        if got.flags & FIN:
            connection.received = connection.received + 1 & 0xFFFFFFFF
            self._finish(connection)
            del self._connections[key]

    def _respond(self, connection: _Connection) -> None:
        if b"\r\n\r\n" not in connection.request and len(connection.request) <= MAX_REQUEST:
            self._send(connection, ACK)
            return
        response, close = self._answer(bytes(connection.request))
        connection.request.clear()
        for start in range(0, len(response), connection.mss):
            data = response[start : start + connection.mss]
            self._send(connection, ACK | PSH, data=data)
            connection.unacked += data
            connection.sent += len(data)
        if close:
            self._finish(connection)

    def _finish(self, connection: _Connection) -> None:
        if connection.finished:
            self._send(connection, ACK)
            return
        self._send(connection, FIN | ACK)
        connection.sent += 1
        connection.finished = True

    def _acknowledged(self, connection: _Connection, ack: int) -> None:
        count = ack - connection.acked & 0xFFFFFFFF
        if count <= len(connection.unacked) + 1:
            del connection.unacked[:count]
            connection.acked += count

    def _repeat(self, connection: _Connection) -> None:
        for start in range(0, len(connection.unacked), connection.mss):
            data = bytes(connection.unacked[start : start + connection.mss])
            self._send(connection, ACK | PSH, seq=connection.acked + start, data=data)

    def _send(self, to: _Connection, flags: int, *, seq: int | None = None, data: bytes = b"") -> None:
        number = to.sent if seq is None else seq
        self._transmit(
            frames.segment(MAC, self._ip, PORT, to.peer, seq=number, ack=to.received, flags=flags, data=data)
        )

    def _reset(self, got: Segment) -> None:
        ack = got.seq + len(got.payload) + bool(got.flags & (SYN | FIN))
        self._transmit(
            frames.segment(MAC, self._ip, got.port, got.peer, seq=got.ack, ack=ack, flags=RST | ACK, data=b"")
        )

    def _transmit(self, frame: bytes) -> None:
        try:
            self.socket.send(frame)
        except OSError:  # the device is down or full: for the guest the frame is lost, and it asks again
            return


def _attach_filter(sock: socket.socket, ip: bytes) -> None:
    """Let through ARP about ``ip`` and TCP to it, nothing else."""
    address = int.from_bytes(ip, "big")
    program = [  # (operation, lines to skip if equal, if not, operand)
        (LOAD_HALF, 0, 0, 12),  # the Ethernet type
        (JUMP_EQUAL, 0, 2, frames.ARP),
        (LOAD_WORD, 0, 0, 38),  # ARP: the address asked for
        (JUMP_EQUAL, 6, 5, address),
        (JUMP_EQUAL, 0, 4, frames.IPV4),
        (LOAD_BYTE, 0, 0, 23),  # IPv4: the protocol
        (JUMP_EQUAL, 0, 2, frames.TCP),
        (LOAD_WORD, 0, 0, 30),  # IPv4: the destination
        (JUMP_EQUAL, 1, 0, address),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, 0x40000),
    ]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer))
    )
