#!/usr/bin/env python3
"""Rewards functions that a language model wrote: the share of cases that each gets right, between 0 and 1.

    reward.py URL < candidates.jsonl > rewards.jsonl

A line of the input is an object with `source`, the program; `function`, the name of a function in it; and `cases`, each
with `args` and the `expected` value. The runs go to a Sandpiper service in one batch. SANDPIPER_API_KEY holds the key,
where the service asks for one. Only the standard library is used.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Iterable, Iterator

LIMITS = {"cpuMs": 2_000, "wallMs": 10_000, "memoryBytes": 128 << 20, "outputBytes": 1 << 20}
TRIES = 6

# Runs in the sandbox, in the same process as the candidate, which can therefore forge whatever this writes. So the
# expected values stay outside: a candidate cannot forge what it does not know. Results are flushed case by case, so
# that those before an endless loop count.
HARNESS = """
import json
import candidate

with open("calls.json") as file:
    calls = json.load(file)
function = getattr(candidate, calls["function"])
with open("returned.jsonl", "w") as file:
    for args in calls["args"]:
        try:
            line = json.dumps({"value": function(*args)})
        except Exception as error:
            line = json.dumps({"error": repr(error)[:200]})
        file.write(line + "\\n")
        file.flush()
"""


class Service:
    """The two requests that a reward function needs, each repeated while the service asks for patience."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def submit(self, runs: Iterable[dict]) -> str:
        """Sends runs as one batch and returns its id. All of them are accepted, or none."""
        body = "".join(json.dumps(run) + "\n" for run in runs).encode()
        # The same key with every attempt: an answer that was lost does not make the runs twice.
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/x-ndjson"}
        with self._open("/v1/batches/stream", body, headers) as answer:
            return json.load(answer)["id"]

    def results(self, batch: str, total: int) -> Iterator[tuple[int, dict]]:
        """Yields (index in the batch, result) in the order in which the runs end."""
        position = 0
        while position < total:
            try:
                with self._open(f"/v1/batches/{batch}/results?from={position}") as lines:
                    for line in lines:
                        if not line.strip():
                            continue  # a sign of life
                        ended = json.loads(line)
                        position = ended["position"]
                        yield ended["index"], ended["run"]["result"]
            except (http.client.HTTPException, OSError, ValueError):
                pass
            if position < total:
                time.sleep(1)  # The stream broke, or the server restarts: continue behind the last line that came.

    def _open(self, path: str, body: bytes | None = None, headers: dict | None = None):
        for attempt in range(1, TRIES + 1):
            request = urllib.request.Request(self.url + path, body, {**self.headers, **(headers or {})})
            try:
                return urllib.request.urlopen(request, timeout=60)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or attempt == TRIES:
                    raise SystemExit(f"{path}: {error.code} {error.read().decode(errors='replace')}") from error
                time.sleep(float(error.headers.get("Retry-After") or 1))
            except OSError:
                if attempt == TRIES:
                    raise
                time.sleep(2**attempt / 10)


def run_of(candidate: dict) -> dict:
    """The request that calls the function of one candidate with the arguments of each case."""
    calls = {"function": candidate["function"], "args": [case["args"] for case in candidate["cases"]]}
    return {
        "source": HARNESS,
        "files": [
            {"name": "candidate.py", "content": candidate["source"]},
            {"name": "calls.json", "content": json.dumps(calls)},
        ],
        "outputs": ["returned.jsonl"],
        "limits": LIMITS,
    }


def reward_of(candidate: dict, result: dict) -> float | None:
    """None where the service failed and not the program: do not train on it."""
    if result["status"] in ("internal-error", "cancelled"):
        return None
    files = {file["name"]: file.get("content", "") for file in result.get("outputs", [])}
    lines = files.get("returned.jsonl", "").splitlines()
    right = sum(is_right(case, line) for case, line in zip(candidate["cases"], lines))
    return right / len(candidate["cases"])


def is_right(case: dict, line: str) -> bool:
    try:
        returned = json.loads(line)
        # Both as JSON: True is not 1, and 1.0 is not 1.
        return "value" in returned and json.dumps(returned["value"]) == json.dumps(case["expected"])
    except (ValueError, TypeError, RecursionError):
        return False


def main() -> None:
    service = Service(sys.argv[1], os.environ.get("SANDPIPER_API_KEY"))
    candidates = [json.loads(line) for line in sys.stdin]
    batch = service.submit(map(run_of, candidates))
    rewards: list[dict] = [{} for _ in candidates]
    for index, result in service.results(batch, len(candidates)):
        reward = reward_of(candidates[index], result)
        rewards[index] = {"reward": reward, "status": result["status"], "message": result["message"]}
    for reward in rewards:
        print(json.dumps(reward))


if __name__ == "__main__":
    main()
