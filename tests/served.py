"""A real HTTP server on this machine that speaks the protocol of OpenAI's chat endpoint, and is strict about it.

What it answers is a function of the request, so that a test can have it fail in any way.
"""

import base64
import contextlib
import io
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import soundfile as sf

DROP = object()
"""Instead of an answer: close the connection."""


@dataclass
class Reply:
    """An answer in bytes."""

    status: int
    content: bytes
    headers: dict = field(default_factory=lambda: {"Content-Type": "application/json"})


def error(status, message, **headers):
    """An error in the form of OpenAI and vLLM."""
    content = json.dumps({"error": {"message": message, "type": "x", "code": status}}).encode()
    return Reply(status, content, {"Content-Type": "application/json", **headers})


def refused_form(body, role="user", extras=()):
    """What is wrong with a request, as a strict server sees it; None when nothing is."""
    known = {"model", "messages", "temperature", "top_p", "max_tokens", "seed", "n", "logprobs", *extras}
    if unknown := sorted(body.keys() - known):
        return f"Unrecognized request arguments supplied: {', '.join(unknown)}"
    first = body["messages"][0]
    if first["role"] != role:
        return f"unexpected role {first['role']}"
    parts = first["content"]
    if isinstance(parts, str):
        return None
    kinds = [part["type"] for part in parts]
    if kinds != sorted(kinds, key=lambda kind: kind == "text") or kinds.count("text") != 1:
        return f"unexpected parts {kinds}"
    for part in parts[:-1]:
        samples, sr = heard(part)
        if sr != 16_000 or samples.ndim != 1 or not len(samples):
            return f"audio must be mono at 16 kHz, is {samples.shape} at {sr}"
    return None


def heard(part):
    """The samples and the rate of an audio part."""
    if part["type"] == "audio_url":
        kind, data = part["audio_url"]["url"].split(",", 1)
        assert (kind, set(part)) == ("data:audio/wav;base64", {"type", "audio_url"})
    else:
        assert (part["input_audio"]["format"], set(part)) == ("wav", {"type", "input_audio"})
        data = part["input_audio"]["data"]
    return sf.read(io.BytesIO(base64.b64decode(data, validate=True)), dtype="float32")


def sounds_of(body):
    """The samples of every audio part of a request."""
    parts = body["messages"][0]["content"]
    return [heard(part)[0] for part in parts if part["type"] != "text"] if isinstance(parts, list) else []


def clips_of(body):
    """Seconds of every audio part of a request."""
    return [len(samples) / 16_000 for samples in sounds_of(body)]


def completion(texts, *, finish="stop", logprob=-0.5, prompt_tokens=50, **message):
    """The JSON of an answer; a word is a token."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text, **message},
            "finish_reason": finish,
            "logprobs": None
            if logprob is None
            else {"content": [{"token": word, "logprob": logprob} for word in (text or "").split()]},
        }
        for index, text in enumerate(texts)
    ]
    tokens = sum(len((text or "").split()) for text in texts)
    return {"choices": choices, "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": tokens}}


def polite(body, _number):
    """Hears how long the clips are and says its seed: choice i of a request is drawn with seed + i.

    How loud they are shows in the log probabilities, so that two of the same length differ.
    """
    if wrong := refused_form(body, extras=("top_k", "min_p", "repetition_penalty", "skip_special_tokens")):
        return error(400, wrong)
    if body["model"] != "m":
        return error(404, f"The model `{body['model']}` does not exist.")
    seconds = "+".join(f"{one:.2f}" for one in clips_of(body))
    texts = [f"<think>{seconds} s, seed {body['seed'] + i}</think> yes" for i in range(body.get("n", 1))]
    return completion(texts, logprob=-0.5 - sum(float(abs(samples).mean()) for samples in sounds_of(body)))


class Served:
    """The server and all that was asked of it."""

    def __init__(self, answer=polite, models=("m",)):
        self.answer, self.models, self.bodies, self.headers = answer, models, [], []
        self.running = self.most = 0
        self._lock = threading.Lock()
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                served.send(self, served.models_reply() if self.path == "/v1/models" else error(404, "Not Found"))

            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path != "/v1/chat/completions":
                    return served.send(self, error(404, "Not Found"))
                body = json.loads(content)
                with served._lock:
                    number = len(served.bodies)
                    served.bodies.append(body)
                    served.headers.append(dict(self.headers))
                    served.running += body.get("n", 1)
                    served.most = max(served.most, served.running)
                try:
                    reply = served.answer(body, number)
                finally:
                    with served._lock:
                        served.running -= body.get("n", 1)
                return served.send(self, reply)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def models_reply(self):
        if isinstance(self.models, Reply):
            return self.models
        return Reply(200, json.dumps({"object": "list", "data": [{"id": name} for name in self.models]}).encode())

    def send(self, handler, reply):
        if reply is DROP:
            handler.close_connection = True
            return
        if not isinstance(reply, Reply):
            reply = Reply(200, json.dumps(reply).encode())
        with contextlib.suppress(ConnectionError):
            handler.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.content))} | reply.headers).items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(reply.content)

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gone()

    def gone(self):
        """Stop listening, as a server that died."""
        self.http.shutdown()
        self.http.server_close()
