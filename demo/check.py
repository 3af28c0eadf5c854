"""Asks a running demonstration what ``queries.toml`` lists, prints the answers, and names what is not as expected."""

from __future__ import annotations

import csv
import math
import tomllib
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).resolve().parent
PHOTOGRAPHS = HERE / "photographs"


class Check:
    """Holds the answers of one service against what is expected."""

    def __init__(self, address: str, collection: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60)
        self._collection = {"collection": collection}
        self._captions = {row["file"]: row["caption"] for row in csv.DictReader((HERE / "captions.csv").open())}
        self.failures: list[str] = []

    def text(self, query: str, accept: list[str], top: int) -> None:
        """A sentence must find one of the photographs among the first few."""
        answer = self._post("/search/text", json={"query": query, "k": top, **self._collection})
        names = _names(answer)
        self._judge(f"text     {query!r}", names, bool({*names} & {*accept}), f"none of {accept}")

    def modified(self, image: str, modifier: str, accept: list[str], top: int) -> None:
        """A photograph and signed words must find another photograph."""
        signs = modifier.replace(" -", "\n-").replace(" +", "\n+").split("\n")
        files = {"file": (image, (PHOTOGRAPHS / image).read_bytes(), "image/jpeg")}
        params: dict[str, Any] = {"modifier": signs, "k": top + 1, **self._collection}
        answer = self._post("/search/image", params=params, files=files)
        names = [name for name in _names(answer) if name != image][:top]
        self._judge(f"modified {image} {modifier!r}", names, bool({*names} & {*accept}), f"none of {accept}")
        for result in answer["results"]:
            total = sum(part["value"] for part in result["contributions"])
            if not math.isclose(total, result["score"], abs_tol=1e-5):
                self.failures.append(
                    f"{image} {modifier}: contributions add up to {total}, the score is {result['score']}"
                )

    def caption(self, image: str, contains: list[str], top: int) -> None:
        """A photograph must find a sentence about itself."""
        answer = self._post(
            "/search/image",
            params={"target": "text", "k": top, **self._collection},
            content=(PHOTOGRAPHS / image).read_bytes(),
            headers={"content-type": "image/jpeg"},
        )
        captions = [result["caption"] for result in answer["results"]]
        found = any(word in caption.lower() for caption in captions for word in contains)
        self._judge(f"caption  {image}", captions[:3], found, f"none of {contains}")

    def explain(self, image: str, query: str) -> None:
        """An explanation must have a heat map with a peak, a value for each word and parts that add up to the score."""
        found = self._post("/search/text", json={"query": self._captions[image], "k": 50, **self._collection})
        image_id = next(r["id"] for r in found["results"] if r["metadata"]["name"] == image)
        params = {"image_id": image_id, "query": query, **self._collection}
        answer = self._client.get("/explain", params=params).raise_for_status().json()
        values = [value for row in answer["heat_map"]["values"] for value in row]
        words = {word["word"]: word["value"] for term in answer["words"] for word in term["words"]}
        total = sum(part["value"] for part in answer["contributions"])
        picture = self._client.get("/explain", params={**params, "format": "png"}).raise_for_status().content
        right = (
            max(values) > 0.99
            and min(values) < 0.5
            and [*words] == list(dict.fromkeys(query.split()))
            and math.isclose(total, answer["score"], abs_tol=1e-5)
            and picture.startswith(b"\x89PNG")
        )
        strongest = sorted(words, key=lambda word: -words[word])[:3]
        found_words = [f"score {answer['score']:.3f}", "strongest words", *strongest]
        self._judge(f"explain  {image} {query!r}", found_words, right, "heat map, words, parts or picture are wrong")

    def _post(self, path: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.post(path, **request).raise_for_status().json()
        return answer

    def _judge(self, what: str, found: list[str], right: bool, otherwise: str) -> None:
        print(f"{'ok  ' if right else 'FAIL'} {what}\n       {', '.join(found)}", flush=True)
        if not right:
            self.failures.append(f"{what}: {otherwise} in {found}")


def check_demo(address: str, collection: str) -> int:
    """Ask everything; returns 0 if all is as expected, else 1, and names what failed."""
    check = Check(address, collection)
    queries = tomllib.loads((HERE / "queries.toml").read_text(encoding="utf-8"))
    for case in queries["text"]:
        check.text(case["query"], case["accept"], case["top"])
    for case in queries["modified"]:
        check.modified(case["image"], case["modifier"], case["accept"], case["top"])
    for case in queries["caption"]:
        check.caption(case["image"], case["contains"], case["top"])
    for case in queries["explain"]:
        check.explain(case["image"], case["query"])
    asked = sum(len(cases) for cases in queries.values())
    print(f"\n{asked - len(check.failures)} of {asked} as expected")
    for failure in check.failures:
        print(f"failed: {failure}")
    return 1 if check.failures else 0


def _names(answer: dict[str, Any]) -> list[str]:
    return [result["metadata"]["name"] for result in answer["results"]]
