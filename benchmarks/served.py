"""What `--engine server` adds to a server's own time: samples a second against a stub that answers after 50 ms.

    mgrd bench served               # half a minute
    mgrd bench served --seconds 30  # each figure over 30 s

The stub is a process of its own that reads each request whole and answers 50 ms later, so 64 samples in flight can at
best be 1,280 a second, whether a request asks for one or for eight. *Bare httpx* posts one ready-made body from 64
clients of their own and looks at no answer: what this machine and this HTTP library can do.

What it does not measure: a real server, which takes seconds a sample and not milliseconds, TLS, or a slow network.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from page import show
from times import where

from mgrd.engines import Request, Sampling, messages, open_engine
from mgrd.engines.endpoint import Endpoint

ANSWERS_AFTER_S, IN_FLIGHT = 0.05, 64
CLIP_S = 10.0
TEXT = "<think>The voice sits near 220 Hz and its pitch rises towards the end of the clip.</think>yes"

# In a process of its own, so that the two do not wait for one interpreter.
_STUB = """
import asyncio, json, sys

text, after_s = sys.argv[1], float(sys.argv[2])

def answer(n):
    said = [{"role": "assistant", "content": f"{i} {text}"} for i in range(n)]
    choices = [{"index": i, "message": one, "finish_reason": "stop"} for i, one in enumerate(said)]
    body = json.dumps({"choices": choices, "usage": {"prompt_tokens": 300, "completion_tokens": 20 * n}}).encode()
    return b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body) + body

answers = {n: answer(n) for n in range(1, 65)}

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            if not head.startswith(b"post"):
                writer.write(b'HTTP/1.1 200 OK\\r\\ncontent-length: 11\\r\\n\\r\\n{"data":[]}')
                continue
            body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\\r\\n")[0]))
            at = body.rfind(b'"n": ')
            await asyncio.sleep(after_s)
            writer.write(answers[int(body[at + 5 : at + 8].strip(b", }"))] if at > 0 else answers[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()

asyncio.run(main())
"""


def asked(samples: int, *, hears: bool) -> Iterator[Request]:
    """Questions without end, each about a clip of noise, or text alone."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(round(CLIP_S * messages.SR))).astype(np.float32)
    for number in itertools.count():
        heard = [noise] if hears else []
        seeds = {sample: 8 * number + sample for sample in range(samples)}
        yield Request(f"q{number}", "Is the voice high or low?", heard, ["x"] * len(heard), seeds)


def engine_rate(url: str, samples: int, seconds: float, *, hears: bool) -> float:
    """Samples a second that come out of the engine."""
    engine = open_engine("server", "m", url=url, concurrency=IN_FLIGHT)
    began, count = time.monotonic(), 0
    stream: Any = engine.sample(asked(samples, hears=hears), Sampling(max_tokens=64))
    for done in stream:
        assert done.error is None, done.error
        count += 1
        if time.monotonic() - began > seconds:
            break
    rate = count / (time.monotonic() - began)
    stream.close()
    engine.close()
    return rate


async def bare_rate(url: str, seconds: float, *, hears: bool) -> float:
    """Requests a second of clients that do nothing else."""
    request = next(asked(1, hears=hears))
    parts = messages.audio_parts(request.clips, messages.PLAIN, as_url=False)
    body = json.dumps(messages.body("m", request.text, parts, messages.PLAIN, Sampling(), 0, 1)).encode()
    endpoint, count = Endpoint(url, 60.0), 0
    began = time.monotonic()

    async def work() -> None:
        nonlocal count
        async with endpoint.client() as client:
            while time.monotonic() - began < seconds:
                await client.post(f"{url}/chat/completions", content=body)
                count += 1

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return count / (time.monotonic() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each figure")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    best = IN_FLIGHT / ANSWERS_AFTER_S
    lines = [f"{where()}. At best {best:,.0f} samples a second.", "", "| what | samples/s | share |", "|---|---|---|"]
    with subprocess.Popen([sys.executable, "-c", _STUB, TEXT, str(ANSWERS_AFTER_S)], stdout=subprocess.PIPE) as stub:
        try:
            assert stub.stdout is not None
            url = f"http://127.0.0.1:{int(stub.stdout.readline())}/v1"
            for hears, of in ((False, "text"), (True, f"a clip of {CLIP_S:g} s")):
                for name, rate in (
                    ("bare httpx", asyncio.run(bare_rate(url, chosen.seconds, hears=hears))),
                    ("engine, one sample a request", engine_rate(url, 1, chosen.seconds, hears=hears)),
                    ("engine, 8 samples a request", engine_rate(url, 8, chosen.seconds, hears=hears)),
                ):
                    lines.append(f"| {of}: {name} | {rate:,.0f} | {rate / best:.0%} |")
        finally:
            stub.kill()
    show({"served": lines}, as_json=chosen.json)


if __name__ == "__main__":
    main()
