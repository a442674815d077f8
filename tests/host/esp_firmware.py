# Firmware as MicroPython publishes it, small and made up: ESP-IDF's image, partition and OTA formats by hand.
# For tests; imports the standard library alone. `esptool image-info` finds these valid (test_loader_esptool).

import hashlib
import random
import struct
import zlib
from functools import reduce

CHIPS = {  # name: (chip id, bootloader's offset, memory of the bootloader, mapped flash)
    "esp32": (0, 0x1000, 0x3FFF0030, 0x3F400020),
    "esp32s3": (9, 0, 0x3FCE2820, 0x3C000020),
    "esp32c3": (5, 0, 0x3FCD5820, 0x3C000020),
}


def noise(count, seed):
    """count bytes that half compress, always the same ones."""
    dice = random.Random(seed)
    return bytes(dice.choice(b"siplet\0\0\0\0\xc0\xdb") for _ in range(count))


def image(chip, segments, lowest=0):
    """An application image: [(address, bytes), ...] with checksum and SHA-256. lowest: revision of the chip, 301."""
    number = CHIPS[chip][0]
    data = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x0F, segments[0][0])
    data += struct.pack("<BBBBHBHHBBBBB", 0xEE, 0, 0, 0, number, 0, lowest, 0xFFFF, 0, 0, 0, 0, 1)
    check = 0xEF
    for address, content in segments:
        content += bytes(-len(content) % 4)
        data += struct.pack("<II", address, len(content)) + content
        check = reduce(lambda a, b: a ^ b, content, check)
    data += bytes(15 - len(data) % 16) + bytes([check])
    return data + hashlib.sha256(data).digest()


def application(chip, version="v1.29.0", size=40000, project="", seed=1):
    """An application with its description at the front; MicroPython, whose description is empty, or a project."""
    told = f"3.4.0; MicroPython {version} on 2026-04-01\0".encode() if version and not project else b""
    description = struct.pack(
        "<II8s32s32s16s16s32s32sHHB75s",
        0xABCD5432,
        0,
        b"",
        version.encode() if project else b"",
        project.encode(),
        b"12:00:00",
        b"Apr  1 2026",
        b"v5.5.1",
        bytes(32),
        0,
        0xFFFF,
        16,
        b"",
    )
    return image(
        chip, [(CHIPS[chip][3], description + noise(size, seed) + told), (CHIPS[chip][2], noise(600, seed + 1))]
    )


def table(rows):
    """A partition table: [(kind, subkind, start, size, label), ...]."""
    data = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, kind, subkind, start, size, label.encode(), 0)
        for kind, subkind, start, size, label in rows
    )
    data += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data).digest()
    return data.ljust(0xC00, b"\xff")


PLAIN = [(1, 2, 0x9000, 0x6000, "nvs"), (1, 1, 0xF000, 0x1000, "phy_init"), (0, 0, 0x10000, 0x1F0000, "factory")]
OTA = [
    (1, 2, 0x9000, 0x4000, "nvs"),
    (1, 0, 0xD000, 0x2000, "otadata"),
    (0, 0x10, 0x10000, 0x20000, "ota_0"),
    (0, 0x11, 0x30000, 0x10000, "ota_1"),
]


def micropython(chip="esp32", version="v1.29.0", size=40000, rows=PLAIN, project="", seed=1, lowest=0):
    """bootloader, partition table and application with 0xff between them."""
    _, offset, memory, _ = CHIPS[chip]
    data = image(chip, [(memory, noise(3000, seed + 2))], lowest).ljust(0x8000 - offset, b"\xff")
    data = (data + table(rows)).ljust(0x10000 - offset, b"\xff")
    return data + application(chip, version, size, project, seed)


def ota_choice(number):
    """A sector of OTA data that chooses the application number, from 1 on."""
    crc = zlib.crc32(struct.pack("<I", number), 0xFFFFFFFF)
    return struct.pack("<I20sII", number, b"\xff" * 20, 0xFFFFFFFF, crc).ljust(0x1000, b"\xff")
