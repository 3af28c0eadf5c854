"""Fetches a query image by its URL, with protection against server-side request forgery.

A host name is resolved once, all its addresses have to be public, and the connection goes to the address that was
checked: resolving it again could give another one. Redirects are not followed, and proxies from the environment are not
used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

import httpx

from models.errors import InputError
from service.security.addresses import Address, is_public


class FetchError(InputError):
    """The image's URL is not allowed, or does not answer with an image."""


async def fetch_image(
    url: str, *, max_bytes: int, timeout_s: float, allowed: Callable[[Address], bool] = is_public
) -> bytes:
    """Return the bytes that an http(s) URL answers with.

    Args:
        url: of the image.
        max_bytes: limit of the body, checked while it arrives.
        timeout_s: for everything, from resolving the host name to the last byte.
        allowed: tells which addresses may be connected to.

    Raises:
        FetchError: the URL is malformed or not public, does not answer in time or with status 200, or sends too much.
    """
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise FetchError("The url is not a valid address.") from None
    if target.scheme not in ("http", "https") or not target.host or target.userinfo:
        raise FetchError("The url must begin with http:// or https://, and hold a host and no password.")
    try:
        async with asyncio.timeout(timeout_s):
            address = await _resolve(target, allowed)
            return await _download(target, address, max_bytes)
    except TimeoutError:
        raise FetchError(f"The url did not answer within {timeout_s:g} seconds.") from None
    except (httpx.HTTPError, OSError, UnicodeError):
        raise FetchError("The url could not be fetched.") from None


async def _resolve(target: httpx.URL, allowed: Callable[[Address], bool]) -> Address:
    port = target.port or (443 if target.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not all(allowed(address) for address in addresses):
        raise FetchError("The url's host is not a public address.")
    return addresses[0]


async def _download(target: httpx.URL, address: Address, max_bytes: int) -> bytes:
    headers = {"Host": target.netloc.decode(), "Accept": "image/*", "Accept-Encoding": "identity"}
    extensions = {"sni_hostname": target.host}
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False) as client,
        client.stream("GET", target.copy_with(host=str(address)), headers=headers, extensions=extensions) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise FetchError(f"The url answered with status {response.status_code}; only a plain 200 is accepted.")
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > max_bytes:
                raise FetchError(f"The url's image is larger than the limit of {max_bytes:,} bytes.")
    return bytes(content)
