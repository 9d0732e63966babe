"""A DNS server on loopback that answers TXT over UDP from a dict, follows CNAMEs as a resolver does, and can break."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[str, list[str]]  # "name" -> texts; "name CNAME" -> [target]; "name SERVFAIL" or "name SILENT" -> []


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        query = dns.message.from_wire(wire)
        answer = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        if f"{name} SILENT" in self.server.zone:
            return
        self.server.asked.append(name)
        if f"{name} SERVFAIL" in self.server.zone:
            answer.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(answer, name)
        reply = answer.to_wire(max_size=65535)
        sock.sendto(reply, self.client_address)

    def _fill(self, answer: dns.message.Message, name: str) -> None:
        zone = self.server.zone
        while target := zone.get(f"{name} CNAME"):
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target[0]}."))
            name = target[0]
        if name not in zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif zone[name]:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *map(_quoted, zone[name])))


def _quoted(text: str) -> str:
    """One TXT record; what is longer than 255 characters is several strings, as it is in real zones."""
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


class Server(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def __init__(self, zone: Zone) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.zone, self.asked = zone, []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(zone: Zone) -> Iterator[Server]:
    with Server(zone) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
