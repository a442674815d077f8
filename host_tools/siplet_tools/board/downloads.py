# MicroPython's firmware from micropython.org: only when somebody asks. Imports errors, images, the standard library.

import contextlib
import os
import re

from siplet_tools.board import images
from siplet_tools.errors import FAILED, USAGE, ToolError

SITE = "https://micropython.org"
_GENERIC = {"ESP32": "ESP32_GENERIC"}  # ESP32-S3: ESP32_GENERIC_S3 and so on
_LARGEST = 16 << 20
_TIMEOUT_S = 30


def generic(chip):
    """MicroPython's name of the build for any board with that chip of esptool's name."""
    return _GENERIC.get(chip) or "ESP32_GENERIC_" + chip.split("-")[-1]


def fetch(chip, folder, progress=lambda done, total: None, build=None, site=SITE):
    """The path of the newest release for a chip, in folder; not fetched again when it is there.

    build: MicroPython's name, "ESP32_GENERIC_S3"; generic(chip) without one. It is checked to be whole and for that
    chip before it takes its name. ToolError without a network.
    """
    build = build or generic(chip)
    page = _get(f"{site}/download/{build}/", 1 << 20).decode("utf-8", "replace")
    names = set(re.findall(rf"/resources/firmware/({re.escape(build)}-20\d{{6}}-v[\d.]+\.bin)", page))
    if not names:
        raise ToolError(f"{site}: no release of {build} there: download the .bin yourself, then --firmware FILE", USAGE)
    name = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name.split("-v")[-1])])
    path = os.path.join(folder, name)
    if os.path.exists(path):
        return path
    data = _get(f"{site}/resources/firmware/{name}", _LARGEST, progress)
    image = images.parse(data, name)
    if image.chip != chip:
        raise ToolError(f"{site}: {name} is for an {image.chip}, not for an {chip}", FAILED)
    part = path + ".part"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}", USAGE) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    return path


def _get(url, largest, progress=lambda done, total: None):
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    data = bytearray()
    try:
        with urlopen(url, timeout=_TIMEOUT_S) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while part := answer.read(1 << 16):
                data += part
                progress(len(data), max(total, len(data)))
                if len(data) > largest:
                    raise ToolError(f"{url}: larger than a firmware can be", FAILED)
    except HTTPError as error:
        raise ToolError(f"{url}: {error.code}; download the .bin yourself, then --firmware FILE", FAILED) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ToolError(
            f"{url}: no connection ({reason}); download the .bin elsewhere, then --firmware FILE", FAILED
        ) from None
    if total and len(data) != total:
        raise ToolError(f"{url}: the download broke off; the same again", FAILED)
    return bytes(data)
