"""One OpenAI-compatible HTTP endpoint: a JSON object sent, and what came back sorted by what there is to do about it.

Knows addresses, keys and what statuses mean; nothing about models, audio or samples, and it never sends anything twice:
when to try again is the caller's. The key comes from the environment and goes into one header; no message holds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
import urllib.request
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mgrd.errors import MgrdError, MisusedError

if TYPE_CHECKING:
    import httpx

KEY, OPENAI_KEY = "MGRD_API_KEY", "OPENAI_API_KEY"
"""Environment variables. The second is sent to OpenAI alone: many have it set who name other servers."""

CONNECT_S = 15.0
ASIDE_S = 30.0
"""How long a question beside the work, such as which models there are, may take."""
_LARGEST_ERROR = 2**20
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # Nothing moves on a connection while the server thinks; after a few minutes routers forget such a connection.
    *([(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)] if hasattr(socket, "TCP_KEEPIDLE") else []),
]


class Refused(Exception):
    """The endpoint understood the request and will not do it; asking again would not help."""


class Failed(Exception):
    """Nothing usable came back; it may, another time."""

    def __init__(self, reason: str, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.slow = slow
        """Whether it took the whole time that an answer may take."""


class Busy(Exception):
    """The endpoint asks to be asked later (429, or 503 with Retry-After)."""

    def __init__(self, reason: str, after_s: float | None) -> None:
        super().__init__(reason)
        self.after_s = after_s


def address(url: str, flag: str = "--url") -> str:
    """A base address without its last slash, `/v1` where it names no path; MisusedError for what is none."""
    if set("@?#") & set(url):  # not shown: what is there may be a key
        raise MisusedError(f"{flag}: holds a user, a key or a query; give http://HOST:PORT/v1, and the key in {KEY}")
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half of an IPv6 address
        fits = False
    if not fits or any(char.isspace() or not char.isprintable() for char in url):
        raise MisusedError(f"{flag} {url!r}: is no address; write http://HOST:PORT/v1")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"


def key_for(base: str) -> str | None:
    """The key that the environment holds for an address, None when it holds none."""
    host = urlsplit(base).hostname or ""
    for name in (KEY, *([OPENAI_KEY] if host == "openai.com" or host.endswith(".openai.com") else [])):
        if key := os.environ.get(name, "").strip():
            if not (key.isascii() and key.isprintable() and " " not in key):
                raise MgrdError(f"{name}: holds characters that no key has; set it again")
            return key
    return None


class Endpoint:
    """A base address, its key, and whether anything was ever answered there."""

    def __init__(self, base: str, timeout_s: float) -> None:
        import httpx

        self.base, self.timeout_s = base, timeout_s
        self.answered_at: float | None = None
        """When the last answer came, by time.monotonic."""
        self._key = key_for(base)
        self._ssl = httpx.create_ssl_context()
        parts = urlsplit(base)
        proxies = urllib.request.getproxies()
        bypassed = urllib.request.proxy_bypass(parts.hostname or "")
        self._proxy = None if bypassed else proxies.get(parts.scheme) or proxies.get("all")

    def client(self) -> httpx.AsyncClient:
        """A client with a connection of its own, for one request at a time.

        One pool for all looks through all its connections at every request: ten times slower at 64 of them.
        """
        import httpx

        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        transport = httpx.AsyncHTTPTransport(
            verify=self._ssl, proxy=self._proxy, socket_options=_KEEP_ALIVE, limits=httpx.Limits(max_connections=1)
        )
        # The time that a whole answer may take is counted in _send: these are times between two bytes.
        return httpx.AsyncClient(transport=transport, headers=headers, timeout=httpx.Timeout(None, connect=CONNECT_S))

    async def post(self, client: httpx.AsyncClient, path: str, body: Any, largest: int) -> Any:
        """Send JSON to `path` once and return the JSON that is answered, at most `largest` bytes.

        Raises Refused, Failed or Busy; and MgrdError where no other request would fare better: the key, the address or
        the model is wrong.
        """
        sent = json.dumps(body).encode()
        status, headers, content = await self._send(client, "POST", path, sent, largest, self.timeout_s)
        answer = self._sorted(path, status, headers, content)
        if status == 404:
            raise MgrdError(
                f"{self.base}{path}: there is no such address or no such model "
                f"({self._words(content)}){await self._offer(client)}; mend --url or -m"
            )
        self.answered_at = time.monotonic()
        return answer

    async def models(self, client: httpx.AsyncClient) -> list[str]:
        """The names of the models that are served; empty where the endpoint keeps no list.

        Raises Failed or Busy when it is not there, and MgrdError when it wants another key or is no such endpoint.
        """
        try:
            status, headers, content = await self._send(client, "GET", "/models", None, _LARGEST_ERROR, ASIDE_S)
            answer = self._sorted("/models", status, headers, content)
        except Refused:
            return []
        if status == 404:
            return []
        listed = answer.get("data") if isinstance(answer, dict) else None
        return [str(one["id"]) for one in listed or [] if isinstance(one, dict) and "id" in one]

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: bytes | None, largest: int, within_s: float
    ) -> tuple[int, httpx.Headers, bytes]:
        import httpx

        content = bytearray()
        try:
            async with (
                asyncio.timeout(within_s),
                client.stream(method, self.base + path, content=body) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > largest:
                        raise Refused(f"answers with more than {largest:,} bytes")
        except TimeoutError:
            raise Failed(f"no answer within {within_s:g} s", slow=True) from None
        except httpx.RequestError as error:  # refused, reset, cut off, no such host, ...
            raise Failed(self._hidden(str(error)) or type(error).__name__) from None
        return response.status_code, response.headers, bytes(content)

    def _sorted(self, path: str, status: int, headers: httpx.Headers, content: bytes) -> Any:
        """The JSON of a success, None of a 404; anything else is raised as what there is to do about it."""
        if 200 <= status < 300:
            try:
                return json.loads(content)
            except (ValueError, RecursionError):  # cut off, HTML, or no UTF-8; nested without end
                raise Failed(f"answers {status} with {_kind(headers, content)} that is no JSON") from None
        if status == 404:
            return None
        said = f"{status}: {self._words(content)}"
        if status in (401, 402) or (status == 403 and self.answered_at is None):
            # not the server's words: some repeat the key
            given = "refuses the key of" if self._key else "wants a key in"
            raise MgrdError(f"{self.base}{path}: {given} the environment's {self._key_name()} ({status})")
        if 300 <= status < 400:
            raise MgrdError(f"{self.base}{path}: answers {status}, it has moved; give --url its new address")
        after_s = _retry_after(headers.get("retry-after"))
        if status == 429 or (status == 503 and after_s is not None):
            raise Busy(said, after_s)
        if status >= 500 or status in (408, 409, 425):
            raise Failed(said)
        raise Refused(said)

    async def _offer(self, client: httpx.AsyncClient) -> str:
        try:
            names = await self.models(client)
        except (Failed, Busy, MgrdError):
            names = []
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        return f"; it serves {self._hidden(shown)}" if names else ""

    def _words(self, content: bytes) -> str:
        """What an error says, in one line."""
        text = content.decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = text if not text.lstrip().startswith("<") else "a page of HTML"
        for name in ("error", "message", "detail"):
            if isinstance(found, dict):
                found = found.get(name, found)
        return self._hidden(found if isinstance(found, str) else json.dumps(found)) or "no reason given"

    def _hidden(self, text: str) -> str:
        """One line of at most 300 characters, all of them encodable, without the key."""
        text = text.replace(self._key, "***") if self._key else text
        return " ".join(text.encode("utf-8", "replace").decode().split())[:300]

    def _key_name(self) -> str:
        is_ours = bool(os.environ.get(KEY, "").strip()) or not self._key
        return KEY if is_ours else OPENAI_KEY


def _kind(headers: httpx.Headers, content: bytes) -> str:
    kind = headers.get("content-type", "").split(";")[0].strip()
    return f"{len(content):,} bytes of {kind or 'unknown type'}"


def _retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header: it holds seconds or a date (RFC 9110, 10.2.3); None when it says neither."""
    try:
        after_s = float(value or "")
    except ValueError:
        try:
            after_s = parsedate_to_datetime(value or "").timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, after_s) if after_s < float("inf") else None
