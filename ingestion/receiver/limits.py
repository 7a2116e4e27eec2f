"""What holds senders back: rates, addresses, and deliveries that came before. All of one process, none shared."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_REMEMBERED = 200_000
_MAX_ADDRESSES = 10_000


class Bucket:
    """A token bucket: `rate` requests a second, `burst` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._left, self._at = float(burst), 0.0

    def take(self, now: float) -> float:
        """0 if a request may pass at `now` (seconds, monotonic), else the seconds until one may."""
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if left < 1:
            self._left = left
            return (1 - left) / self._rate
        self._left = left - 1
        return 0.0


class AddressList:
    """Addresses and networks."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MAX_ADDRESSES:
                self._known.clear()
            known = self._known[address] = self._holds(address)
        return known

    def _holds(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)


class Delivered:
    """Signed deliveries that are durable already, for as long as their signatures are valid."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __contains__(self, delivery: bytes) -> bool:
        return delivery in self._until

    def remember(self, delivery: bytes, now: float) -> None:
        """Keep `delivery` from `now` (seconds, monotonic) on; what has grown too old is forgotten."""
        self._until[delivery] = now + self._seconds
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now and len(self._until) <= MAX_REMEMBERED:
                return
            del self._until[oldest]
