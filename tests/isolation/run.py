#!/usr/bin/env python3
"""Proves that no packet leaves: lets clients use a Hearth where each packet that would leave is counted.

    tests/isolation/run.py HEARTH MAKE_MODELS

The server, its engines and the clients (those of tests/clients, or without Node's packages a few requests of our own)
run in a network namespace that has two ways only: loopback, and a TUN device that the default routes of IPv4 and IPv6
lead to. Whatever goes to another machine comes out of the device, where it is read and counted; the kernel's own
counter of the device must say the same. Questions to a name server on loopback are counted as well, since the server
would ask another one. That all of this counts is shown first, with packets that do leave.

Exit codes: 0 nothing left and all requests were answered, 1 something did or was not, 77 no namespace can be made here.
"""
import array
import ctypes
import errno
import fcntl
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

SKIPPED = 77
START_S = 60
STOP_S = 20
SUITE_S = 800
SETTLE_S = 0.5
HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = os.path.join(os.path.dirname(HERE), "clients")

# sched.h, linux/if_tun.h, linux/sockios.h, linux/if.h, linux/route.h, linux/ipv6_route.h
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SIOCADDRT, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x890B, 0x8913, 0x8914, 0x8916, 0x891C
IFF_UP, RTF_UP = 0x1, 0x1

DEVICE = "sink0"
ADDRESS_4, ADDRESS_6 = "192.0.2.2", "2001:db8:2::2"  # RFC 5737, RFC 3849: nobody's
STRANGER_4, STRANGER_6 = "198.51.100.1", "2001:db8:100::1"
# What the kernel may say by itself of a new device: multicast listener reports, router and neighbour solicitations.
KERNELS_ICMPV6 = {131, 133, 135, 143}


class NotPossible(Exception):
    """Why the proof cannot be done on this machine."""


def leave_network():
    """Puts this process, alone, into a network namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) == 0:
        return
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise NotPossible(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        raise NotPossible(f"no user namespace: {error}") from error


def request_of(name, payload=b""):
    """A struct ifreq: a device's name, and what is asked of it."""
    return struct.pack("16s24s", name.encode(), payload)


def set_up(control, name):
    flags = struct.unpack_from("H", fcntl.ioctl(control, SIOCGIFFLAGS, request_of(name)), 16)[0]
    fcntl.ioctl(control, SIOCSIFFLAGS, request_of(name, struct.pack("H", flags | IFF_UP)))


def ipv4(address):
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def silence_kernel():
    """Best effort: where /proc/sys cannot be written, the kernel's own packets are told apart instead."""
    for scope in ("all", "default"):
        for name, value in (("accept_ra", "0"), ("router_solicitations", "0"), ("addr_gen_mode", "1")):
            try:
                with open(f"/proc/sys/net/ipv6/conf/{scope}/{name}", "w", encoding="ascii") as file:
                    file.write(value)
            except OSError:
                pass


def open_device():
    """The TUN device's descriptor, with both default routes leading to it. Loopback is up, too."""
    silence_kernel()
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(device, TUNSETIFF, request_of(DEVICE, struct.pack("H", IFF_TUN | IFF_NO_PI)))
    except OSError as error:
        raise NotPossible(f"no TUN device: {error}") from error
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        set_up(control, "lo")
        fcntl.ioctl(control, SIOCSIFADDR, request_of(DEVICE, ipv4(ADDRESS_4)))
        fcntl.ioctl(control, SIOCSIFNETMASK, request_of(DEVICE, ipv4("255.255.255.0")))
        set_up(control, DEVICE)
        # struct rtentry of the default route: destination, gateway, mask, flags, and the device's name.
        name = ctypes.create_string_buffer(DEVICE.encode())
        route = struct.pack("@L16s16s16sHhLPchP3L", 0, ipv4("0.0.0.0"), ipv4("0.0.0.0"), ipv4("0.0.0.0"), RTF_UP, 0, 0, 0,
                            b"\0", 0, ctypes.addressof(name), 0, 0, 0)
        fcntl.ioctl(control, SIOCADDRT, array.array("B", route))
    if not socket.has_ipv6 or not os.path.exists("/proc/self/net/if_inet6"):
        return device, False
    index = socket.if_nametoindex(DEVICE)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        address = socket.inet_pton(socket.AF_INET6, ADDRESS_6)
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("@16sIi", address, 64, index))
        # struct in6_rtmsg: destination, source, gateway, type, lengths of the prefixes, metric, info, flags, device.
        fcntl.ioctl(control, SIOCADDRT, struct.pack("@16s16s16sIHHILIi", b"", b"", b"", 0, 0, 0, 1, 0, RTF_UP, index))
    return device, True


class Sink:
    """Reads whatever would leave, and what is asked of name servers on loopback. Has a thread."""

    def __init__(self):
        self.device, self.has_ipv6 = open_device()
        self.packets = []  # what would have left, as text
        self.n_kernels = 0  # of the kernel's own
        self.n_questions = 0
        self._lock = threading.Lock()
        self._name_servers = [self._name_server(kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        threading.Thread(target=self._read, daemon=True).start()

    def _name_server(self, kind):
        family = socket.AF_INET6 if self.has_ipv6 else socket.AF_INET
        server = socket.socket(family, kind)
        if self.has_ipv6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("", 53))
        if kind == socket.SOCK_STREAM:
            server.listen()
        return server

    def _read(self):
        datagrams, streams = self._name_servers
        while True:
            ready, _, _ = select.select([self.device, datagrams, streams], [], [])
            for source in ready:
                if source is self.device:
                    self._note(os.read(self.device, 65536))
                    continue
                if source is datagrams:
                    datagrams.recv(4096)
                else:
                    streams.accept()[0].close()
                with self._lock:
                    self.n_questions += 1

    def _note(self, packet):
        version = packet[0] >> 4
        if version == 6 and is_kernels(packet):
            with self._lock:
                self.n_kernels += 1
            return
        if version == 4:
            protocol, target = packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
        else:
            protocol, target = packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
        with self._lock:
            self.packets.append(f"protocol {protocol} to {target}, {len(packet)} bytes")

    def counts(self):
        """So many packets left, and so many questions were asked on loopback. What is on its way may come."""
        time.sleep(SETTLE_S)
        with self._lock:
            n_seen = len(self.packets) + self.n_kernels
            n_counted = sent_packets()
            if n_seen != n_counted:
                raise RuntimeError(f"{n_seen} packets were read from {DEVICE}, and the kernel counted {n_counted}")
            return len(self.packets), self.n_questions


def is_kernels(packet):
    """Whether an IPv6 packet is one that the kernel sends by itself. Reports have a hop-by-hop option before them."""
    protocol, at = packet[6], 40
    if protocol == 0:
        protocol, at = packet[40], 40 + 8 * (1 + packet[41])
    return protocol == socket.IPPROTO_ICMPV6 and packet[at] in KERNELS_ICMPV6


def sent_packets():
    """What the kernel gave to the device, or would have if there had been room."""
    with open("/proc/self/net/dev", encoding="ascii") as file:
        for line in file:
            name, _, numbers = line.partition(":")
            if name.strip() == DEVICE:
                fields = numbers.split()
                return int(fields[9]) + int(fields[11])
    raise RuntimeError(f"the kernel has no {DEVICE}")


def prove_sink_counts(sink):
    """Lets one packet of each kind leave, and wants each to be counted."""
    def expect_more(what, before, after):
        if after <= before:
            raise RuntimeError(f"{what} was sent, and not counted: the sink proves nothing")

    packets, _ = sink.counts()
    for family, stranger in ((socket.AF_INET, STRANGER_4), (socket.AF_INET6, STRANGER_6)):
        if family == socket.AF_INET6 and not sink.has_ipv6:
            continue
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"control", (stranger, 9))
        with socket.socket(family, socket.SOCK_STREAM) as sender:
            sender.setblocking(False)
            if sender.connect_ex((stranger, 443)) not in (0, errno.EINPROGRESS):
                raise RuntimeError(f"no way to {stranger}: the sink is not the default route")
            now, _ = sink.counts()
        if now < packets + 2:
            raise RuntimeError(f"a datagram and a connection to {stranger} made {now - packets} packets")
        packets = now
    before = sum(sink.counts())
    # The system's own resolver asks whatever name server it is set to, elsewhere or on loopback.
    subprocess.run([sys.executable, "-c", "import socket; socket.getaddrinfo('control.example.org', 443)"],
                   env={**os.environ, "RES_OPTIONS": "timeout:1 attempts:1"}, stderr=subprocess.DEVNULL, timeout=60,
                   check=False)
    expect_more("the question for a name", before, sum(sink.counts()))


def run_clients(hearth, make_models):
    """The client suite; None where its packages are not here."""
    ended = subprocess.run([os.path.join(CLIENTS, "run"), hearth, make_models], timeout=SUITE_S, check=False)
    return None if ended.returncode == SKIPPED else ended.returncode == 0


def start_server(hearth, models, home):
    server = subprocess.Popen([hearth, "serve", "--host", "127.0.0.1", "--port", "0", "--models", models],
                              env={**os.environ, "HEARTH_HOME": home}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said, deadline = "", time.monotonic() + START_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([server.stderr], [], [], 1)
        piece = os.read(server.stderr.fileno(), 4096).decode() if ready else ""
        said += piece
        match = re.search(r"listens on (http://[^\s;,]+)", said)
        if match:
            return server, urllib.parse.urlsplit(match[1])
        if ready and not piece:
            break
    server.kill()
    raise RuntimeError(f"hearth serve does not listen: {said}")


def ask(address, method, path, body=None):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def run_requests(hearth, make_models):
    """A request to each API of a server of its own, where there is no Node: whether each was answered."""
    talk = [{"role": "user", "content": "tell me a tale"}]
    chat = {"model": "chat", "messages": talk, "max_tokens": 8}
    wanted = [
        ("GET", "/", None), ("GET", "/health", None), ("GET", "/metrics", None), ("GET", "/api/tags", None),
        ("GET", "/v1/models", None), ("POST", "/api/show", {"model": "chat"}),
        ("POST", "/api/generate", {"model": "chat", "prompt": "a tale", "options": {"num_predict": 8}}),
        ("POST", "/api/chat", {"model": "chat", "messages": talk, "options": {"num_predict": 8}}),
        ("POST", "/api/embed", {"model": "embed", "input": ["a tale"]}),
        ("POST", "/v1/chat/completions", chat), ("POST", "/v1/chat/completions", {**chat, "stream": True}),
        ("POST", "/v1/completions", {"model": "chat", "prompt": "a tale", "max_tokens": 8}),
        ("POST", "/v1/embeddings", {"model": "embed", "input": "a tale"}),
        ("POST", "/v1/responses", {"model": "chat", "input": "a tale", "max_output_tokens": 8}),
        ("POST", "/v1/messages", chat), ("POST", "/v1/messages", {**chat, "stream": True}),
    ]
    folder = tempfile.mkdtemp(prefix="hearth-isolation-")
    try:
        models = os.path.join(folder, "models")
        os.mkdir(models)
        subprocess.run([make_models, models], check=True)
        server, address = start_server(hearth, models, os.path.join(folder, "home"))
        try:
            wrong = []
            for method, path, body in wanted:
                status, text = ask(address, method, path, body)
                if status != 200:
                    wrong.append(f"{method} {path}: {status} {text[:200]}")
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(STOP_S)
        if code != 0:
            wrong.append(f"hearth serve ended with {code} after SIGTERM")
        for problem in wrong:
            print(problem, file=sys.stderr)
        return not wrong
    finally:
        shutil.rmtree(folder)


def main():
    if len(sys.argv) != 3:
        print("usage: tests/isolation/run.py HEARTH MAKE_MODELS", file=sys.stderr)
        return 2
    hearth, make_models = (os.path.abspath(path) for path in sys.argv[1:])
    # Packages come over the network, and so before it is left.
    has_clients = subprocess.run([os.path.join(CLIENTS, "run"), "--install"], check=False).returncode == 0
    try:
        leave_network()
        sink = Sink()
    except NotPossible as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    prove_sink_counts(sink)
    packets_before, questions_before = sink.counts()
    answered = run_clients(hearth, make_models) if has_clients else None
    suite = "the clients"
    if answered is None:
        suite = "requests of our own"
        answered = run_requests(hearth, make_models)
    packets, questions = sink.counts()
    for packet in sink.packets[packets_before:]:
        print(f"left: {packet}", file=sys.stderr)
    n_left = packets - packets_before + questions - questions_before
    print(f"isolation: {suite} {'were served' if answered else 'FAILED'}; {n_left} packets left "
          f"({packets_before + questions_before} of the control counted, {sink.n_kernels} of the kernel's own told apart)")
    return 0 if answered and n_left == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
