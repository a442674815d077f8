# What a user may configure: one table, the check of a JSON file against it, and nothing else. Imports errors.
#
# The firmware and the host tools read this same table. load() takes all of a configuration or nothing: the first thing
# that is wrong becomes a ConfigError, one line that names the key. Values of secret keys never stand in such a line.
# main.py drops this module once the configuration is loaded: the table needs no memory while the phone runs.

import json

from siplet.errors import LocalError

# (key, type, default, least, most, help); None as the default: must be given.
# int: least to most. str, secret, uri, digits, host: their length. targets, texts, secrets: their number. bool: true or
# false. choice: one of the words in the default's place, the first of them when none is given; they stand in one text,
# and keys are longer than ten letters, because MicroPython would keep every shorter word for ever.
_REGISTRAR = "host, host:port or sip: URI to register with, spare ones behind commas; empty: the address's host"
_ACCOUNT = (
    ("user", "str", "", 0, 64, "account name, when it is not the user of the address"),
    ("password", "secret", "", 0, 128, "the account's password"),
    ("registrar", "str", "", 0, 128, _REGISTRAR),
    ("register", "bool", None, 0, 0, "register at all; not given: with a password or a registrar"),
    ("expires", "int", 300, 60, 86400, "seconds for which a registration is asked"),
    ("transport", "choice", "udp tcp tls ws wss", 0, 0, "how the server is reached"),
    ("proxy", "str", "", 0, 128, "URI of an outbound proxy, with ;lr to be named in a Route; empty: none"),
)
# Those of siplet.media.country_tones
_COUNTRIES = "de at au be br ca ch cn cz dk es fi fr gb ie il in it jp nl no nz pl pt ru se tr us za"
ACCOUNTS = ("sip", "sip2", "sip3", "sip4")
_TABLE = (
    ("app", "str", "doorphone", 1, 32, "the application that main.py starts: a file in apps/"),
    ("sip.address", "uri", None, 5, 128, "who this phone is: sip:user@host"),
    ("sip2.address", "uri", "", 0, 128, "who it is at a second server; empty: there is none"),
    ("sip3.address", "uri", "", 0, 128, "at a third"),
    ("sip4.address", "uri", "", 0, 128, "at a fourth"),
    (
        "sip.accept",
        "texts",
        (),
        0,
        16,
        "who may call besides our servers: open, addresses, networks a.b.c.d/n, sip: URIs",
    ),
    ("sip.callers", "secrets", (), 0, 16, "user:password of who may call from elsewhere, when asked for it"),
    ("sip.keepalive_s", "int", 0, 0, 3600, "seconds between signs of life to our servers; 0: none"),
    ("tls.ca", "str", "", 0, 255, "file with the certificate (PEM or DER) that signs our servers' ones"),
    ("tls.pin", "str", "", 0, 95, "SHA-256 fingerprint of the server's certificate, hexadecimal"),
    ("tls.insecure", "bool", False, 0, 0, "believe any certificate: for tests only"),
    ("dns.servers", "texts", (), 0, 3, "addresses of name servers; empty: those of the network"),
    ("sip.compact", "bool", False, 0, 0, "write headers by one letter where they have one: shorter messages"),
    ("sip.redirects", "int", 5, 0, 20, "how often a call is sent on at most (3xx); 0: never"),
    ("sip.reliable", "str", "", 0, 9, "acknowledged ringing: off, supported, required; empty: if the caller must"),
    ("sip.session_expires", "int", 0, 0, 86400, "seconds after which a call nobody refreshed is over, 90 at least"),
    ("sip.local_address", "str", "", 0, 45, "our own address; empty: the board finds it"),
    ("sip.local_port", "int", 5060, 0, 65535, "UDP port of SIP; 0: any free one"),
    ("sip.max_calls", "int", 1, 1, 8, "calls at once; the next one gets 486 Busy Here"),
    ("rtp.port_low", "int", 49152, 1024, 65534, "first UDP port of RTP; even ones are taken"),
    ("rtp.port_high", "int", 65535, 1024, 65535, "last UDP port of RTP"),
    (
        "sound.complete",
        "bool",
        None,
        0,
        0,
        "all that makes a call sound well; not given: when the heap has room for it",
    ),
    ("sound.jitter_least_ms", "int", 20, 20, 200, "delay of a calm network, a packet of 20 ms included"),
    ("sound.jitter_first_ms", "int", 60, 20, 200, "the delay that a call begins with"),
    ("sound.jitter_most_ms", "int", 200, 0, 200, "no packet waits longer; 0: 60 ms for all, and lost ones are silence"),
    (
        "sound.follow_source",
        "choice",
        "port servers off",
        0,
        0,
        "sound is taken from any port of the agreed address; of our servers, too; off: nothing is told",
    ),
    ("sound.no_media_s", "int", 10, 0, 3600, "seconds without sound after which that is told; 0: never"),
    ("sound.hang_up_without_media_s", "int", 0, 0, 86400, "seconds without sound that end a call; 0: none do"),
    ("sound.drop_own_packets", "bool", False, 0, 0, "sound of ours that is sent back to us is not heard"),
    ("sound.stun_server", "host", "", 0, 128, "host or host:port that tells our address behind a NAT; empty: none"),
    ("sound.progress_tones", "bool", True, 0, 0, "who calls hears ringing, and a busy tone when the call was refused"),
    (
        "sound.tones_of_country",
        "choice",
        _COUNTRIES,
        0,
        0,
        "whose tones these are; de: as ITU-T E.180 recommends to all",
    ),
    (
        "sound.hands_free",
        "choice",
        "switch cancel level off",
        0,
        0,
        "who speaks gets the channel; its echo is cancelled too; levels alone; nothing of it",
    ),
    ("sound.echo_tail", "int", 32, 32, 128, "ms of a room's answer that are cancelled; each costs its share of time"),
    ("sound.level_target", "int", 22, 6, 40, "dB below full scale at which speech is to lie, both ways"),
    ("sound.level_range", "int", 12, 0, 12, "dB by which it is made louder or softer at most"),
    ("sound.switch_depth", "int", 45, 0, 48, "dB by which the microphone is lowered at most while the far end speaks"),
    ("sound.listen_for_keys", "bool", True, 0, 0, "hear keys that the far end sends as tones in its sound"),
    ("sound.keys_are_sent_as", "choice", "auto rtp info tones", 0, 0, "how keys are sent; auto: the best agreed on"),
    ("sound.reports_of_quality", "bool", True, 0, 0, "RTCP: tell the far end how it is heard, and learn how we are"),
    ("paging.groups", "texts", (), 0, 8, "multicast groups to hear, address:port, the most important first"),
    ("paging.interrupts_calls", "bool", False, 0, 0, "a page is heard instead of a call, which waits meanwhile"),
    ("paging.silence_ms", "int", 1000, 100, 10000, "after which a page is over"),
    (
        "sound.wideband_speech",
        "bool",
        None,
        0,
        0,
        "16 kHz (G.722) with who has it too; not given: when microphone and speaker are made for it",
    ),
    (
        "sound.srtp_encryption",
        "choice",
        "offer require off",
        0,
        0,
        "SRTP: keys are offered, calls without them refused, or neither; over TLS alone",
    ),
    ("sound.srtp_without_tls", "bool", False, 0, 0, "keys of SRTP are told and believed over any transport"),
    ("audio.play", "str", "", 0, 255, "WAV file (8, 16 or 48 kHz; PCM16 or G.711) that is said; PC only"),
    ("audio.record", "str", "", 0, 255, "WAV file into which what is heard goes; PC only"),
    ("audio.repeat", "bool", False, 0, 0, "say audio.play again and again"),
    ("control.port", "int", 0, 0, 65535, "UDP port on 127.0.0.1 that takes commands; 0: none; PC only"),
    # Three forms in one key: each row takes of the heap while an application starts
    (
        "log.sip",
        "str",
        "",
        0,
        255,
        "file of all SIP messages; console: in the log; console headers or whole: RTP",
    ),
    ("echo.answer_ms", "int", 0, 0, 60000, "how long an incoming call rings before the echo answers"),
    ("echo.talk_ms", "int", 600000, 1000, 86400000, "longest call"),
    ("doorphone.targets", "targets", (), 0, 8, "whom the bell calls in turn: sip: URIs, or numbers at the registrar"),
    ("doorphone.ring_ms", "int", 30000, 1000, 180000, "how long each of them rings"),
    ("doorphone.talk_ms", "int", 120000, 1000, 3600000, "longest call"),
    # As door stations do it: as many keys as the code has are one try, and act at once; # or * ends a shorter try.
    ("doorphone.code", "digits", "", 0, 16, "keys that open the door, with or without # after them; empty: none do"),
    ("doorphone.relay_ms", "int", 3000, 100, 60000, "how long the door's relay stays on"),
    ("doorphone.max_wrong", "int", 3, 1, 100, "wrong codes in a row, over all calls, before the lock-out"),
    ("doorphone.lockout_ms", "int", 60000, 0, 86400000, "how long every code is refused then"),
)
# Of boards with Wi-Fi and pins
_BOARD = (
    ("wifi.network", "str", "", 0, 32, "name of the Wi-Fi network; empty: none yet"),
    ("wifi.password", "secret", "", 0, 64, "its password; empty: the network has none"),
    ("wifi.country_code", "str", "", 0, 2, "two letters: whose rules for channels and power hold; empty: the world's"),
    ("wifi.hostname", "str", "", 0, 32, "our name in the network; empty: siplet- and the end of the chip's address"),
    ("board.microphone_pins", "pins", (), 3, 4, "of the I2S microphone: sck, ws, sd, and mck if it has one"),
    ("board.microphone_32_bits", "bool", True, 0, 0, "its words have 32 bits, as those of most digital microphones"),
    ("board.microphone_right", "bool", False, 0, 0, "it speaks on the right channel"),
    ("board.microphone_gain", "int", 0, 0, 6, "how often its sound is doubled"),
    ("board.speaker_pins", "pins", (), 3, 4, "of the I2S amplifier: sck, ws, sd, and mck if it has one"),
    ("board.speaker_32_bits", "bool", False, 0, 0, "its words have 32 bits"),
    ("board.bus_at_16_khz", "bool", False, 0, 0, "the I2S parts run at 16 kHz, when they cannot at 48"),
    ("board.bell_pin", "int", -1, -1, 48, "pin of the bell's button, which connects it to ground; -1: none"),
    ("board.relay_pin", "int", -1, -1, 48, "pin of the relay that opens the door; -1: none"),
    ("board.relay_active_low", "bool", False, 0, 0, "the relay is on while its pin is low"),
    ("board.led_pin", "int", -1, -1, 48, "pin of a lamp; -1: none"),
    ("board.led_active_low", "bool", False, 0, 0, "the lamp is on while its pin is low"),
)
TABLE = _TABLE + tuple([(account + "." + row[0],) + row[1:] for account in ACCOUNTS for row in _ACCOUNT]) + _BOARD

_LISTS = ("targets", "texts", "secrets")
_KINDS = {"int": int, "bool": bool, "targets": list, "texts": list, "secrets": list, "pins": list}
_PIN = 48  # the highest number of any ESP32
_NAMES = {int: "a whole number", bool: "true or false", str: "a text", list: "a list of texts"}
_KEYS = "0123456789*#ABCD"


class ConfigError(LocalError):
    """One line for the user that names the key."""


def load(source):
    """The configuration as a flat dict from each key of TABLE to its value: what was given, else the default.

    source: the path of a JSON file, or what its text stands for. Objects nest by the dots: {"sip": {"address": ...}}.
    A key without default that may be missing (sip.register) is None. ConfigError for the first thing that is wrong.
    """
    given = {}
    _flatten(_read(source) if isinstance(source, str) else source, "", given)
    config = {}
    for key, kind, default, least, most, _ in TABLE:
        if key in given:
            if kind == "choice":
                least = str(default).split()
            config[key] = _checked(key, kind, least, most, given[key])
        elif default is None and kind != "bool":
            raise ConfigError(key + ": is missing")
        else:
            config[key] = str(default).split()[0] if kind == "choice" else [] if kind in _LISTS else default
    if config["rtp.port_high"] <= config["rtp.port_low"]:
        raise ConfigError("rtp.port_high: must be above rtp.port_low")
    if 0 < config["sound.jitter_most_ms"] < config["sound.jitter_least_ms"]:
        raise ConfigError("sound.jitter_most_ms: must not be below sound.jitter_least_ms")
    if config["sound.hang_up_without_media_s"] and config["sound.follow_source"] == "off":
        raise ConfigError("sound.hang_up_without_media_s: wants sound.follow_source to be port or servers")
    if config["sound.srtp_encryption"] == "require" and config["sound.complete"] is False:
        raise ConfigError("sound.srtp_encryption: require wants sound.complete")
    _check_pins(config)
    return config


def _check_pins(config):
    used = {}
    for key in config:
        if "_pin" in key:
            for pin in config[key] if isinstance(config[key], (list, tuple)) else [config[key]]:
                if pin in used and pin >= 0:
                    raise ConfigError(f"{max(key, used[pin])}: pin {pin} is taken by {min(key, used[pin])}")
                used[pin] = key


def _read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except OSError:
        raise ConfigError(path + ": cannot be read")
    except ValueError:  # JSON's grammar, or bytes that are no UTF-8
        raise ConfigError(path + ": is not valid JSON")


def _flatten(value, prefix, into):
    if not isinstance(value, dict):
        raise ConfigError((prefix[:-1] or "configuration") + ": must be an object, {...}")
    for name in value:
        key = prefix + name
        if any(row[0] == key for row in TABLE):
            if key in into:
                raise ConfigError(key + ": is given twice")
            into[key] = value[name]
        elif any(row[0].startswith(key + ".") for row in TABLE):
            _flatten(value[name], key + ".", into)
        else:
            near = _nearest(key)
            raise ConfigError(key + ": no such key" + (", did you mean " + near + "?" if near else ""))


def _checked(key, kind, least, most, value):
    want = _KINDS.get(kind, str)
    if not isinstance(value, want) or (want is int and isinstance(value, bool)):
        raise ConfigError(key + ": must be " + ("a list of numbers" if kind == "pins" else _NAMES[want]))
    if kind == "int":
        if not least <= value <= most:
            raise ConfigError(f"{key}: must be {least} to {most}, not {value}")
    elif kind == "choice":
        if value not in least:
            raise ConfigError(key + ": must be one of " + ", ".join(least))
    elif kind == "pins":
        # True is a whole number, too
        if value and not (least <= len(value) <= most and all(type(pin) is int and 0 <= pin <= _PIN for pin in value)):
            raise ConfigError(f"{key}: must be {least} or {most} numbers of pins, 0 to {_PIN}")
    elif kind in _LISTS:
        if len(value) > most:
            raise ConfigError(f"{key}: must be at most {most}")
        for text in value:
            _check_text(key, kind, 1, 128, text)
        if kind == "secrets" and not all(":" in text for text in value):
            raise ConfigError(key + ": must be user:password each")
    elif kind != "bool" and (value or least):
        _check_text(key, kind, least, most, value)
    return value


def _check_text(key, kind, least, most, text):
    if not isinstance(text, str) or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ConfigError(key + ": must be text without control characters")
    if not least <= len(text) <= most:
        raise ConfigError(f"{key}: must have {least} to {most} characters")
    if (kind == "uri" or (kind == "targets" and ":" in text)) and (text[:4] != "sip:" or len(text) < 5 or " " in text):
        raise ConfigError(key + ": must be a SIP URI, sip:user@host")
    if kind == "digits" and any(c not in _KEYS for c in text):
        raise ConfigError(key + ": must be of the keys 0-9 * # A-D")
    if kind == "host" and not _is_host_and_port(text):
        raise ConfigError(key + ": must be host or host:port, such as stun.example.com:3478")


def _is_host_and_port(text):
    # A name or an address; one of IPv6 (RFC 4291 2.2) stands alone, or in brackets before a port (RFC 3986 3.2.2)
    port = "3478"
    brackets = ord(text[0]) == 91
    if text.count(":") == 1 or (brackets and ord(text[-1]) != 93):
        text, _, port = text.rpartition(":")
    if brackets:
        if ":" not in text or ord(text[-1]) != 93:
            return False
        text = text[1:-1]
    letters = "0123456789abcdef:." if ":" in text else "0123456789abcdefghijklmnopqrstuvwxyz-._"
    return bool(text) and all(c in letters for c in text.lower()) and port.isdigit() and 0 < int(port) < 65536


def _nearest(key):
    # The known key with the fewest changed letters, or one of another group with the same name; "" when none is near.
    best = ""
    least = max(2, len(key) // 4) + 1
    for row in TABLE:
        known = row[0]
        far = 1 if known.split(".")[-1] == key.split(".")[-1] else _distance(key, known)
        if far < least:
            best, least = known, far
    return best


def _distance(a, b):
    # Levenshtein's: inserted, removed or changed letters between a and b.
    row = list(range(len(b) + 1))
    for i in range(len(a)):
        left = i + 1
        for j in range(len(b)):
            cost = min(row[j + 1] + 1, left + 1, row[j] + (a[i] != b[j]))
            row[j] = left
            left = cost
        row[-1] = left
    return row[-1]
