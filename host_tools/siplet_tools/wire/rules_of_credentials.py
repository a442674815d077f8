# The doctor's rules about 401 and 407: credentials that are refused, for another realm, or never given.
# Imports finding, exchanges. RFC 3261 section 22, RFC 7616.
#
# One challenge is how it always begins. One more is usual when a nonce had expired, or when a second server on the way
# asks for its own realm. What is wrong is an answer to a fresh nonce that is refused again.

import re
from dataclasses import dataclass

from siplet_tools.wire.exchanges import chains
from siplet_tools.wire.finding import Finding, parameter

_ASKS = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
_METHODS = ("REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER", "INFO")
_GIVES_UP_S = 5  # s after a challenge in which a phone with a password would have answered
_FRESH_S = 5  # s after which a nonce may have run out, though the server does not call it stale
_STALE = 4  # nonces in a row that the server takes for expired
_SCANNERS = re.compile(r"(?i)friendly.scanner|sipvicious|sipcli|pplsip|sip-?scan|sundayddr|vaxsipuseragent|iwar")


@dataclass
class _Digest:
    """One challenge, or the credentials for one."""

    realm: str
    nonce: str
    stale: bool
    user: str


def _digests(message, header):
    # Several may stand in one line
    found = []
    for value in message.headers.get(header, ()):
        for part in re.split(r"(?i)(?:^|,\s*)(?=digest\s)", value):
            if re.match(r"(?i)digest\s", part):
                stale = parameter(part, "stale").lower() == "true"
                found.append(
                    _Digest(parameter(part, "realm"), parameter(part, "nonce"), stale, parameter(part, "username"))
                )
    return found


class _Round:
    """What happened in a chain of requests since one was accepted."""

    def __init__(self):
        self.asked = []  # the last challenge
        self.at = 0.0  # when it came
        self.refused = []  # (transaction, realm, user) refused with credentials for a fresh nonce
        self.ignored = []  # the same, for a nonce of which nobody knows how old it is
        self.elsewhere = []  # (transaction, realm that is asked for, realm that was answered)
        self.stale = []

    def take(self, one):
        header, answer = _ASKS[one.status]
        asks, gives = _digests(one.final, header), _digests(one.first, answer)
        fresh = {digest.nonce for digest in self.asked}
        realms = {digest.realm for digest in self.asked}
        late = one.first.time - self.at > _FRESH_S
        for asked in asks[:1]:  # others are the same in other algorithms
            own = [given for given in gives if given.realm == asked.realm]
            if own and (asked.stale or (own[0].nonce in fresh and late)):
                self.stale.append((one, asked.realm))
            elif own:
                (self.refused if own[0].nonce in fresh else self.ignored).append((one, asked.realm, own[0].user))
            elif gives and asked.realm in realms:
                self.elsewhere.append((one, asked.realm, gives[0].realm))
        self.asked, self.at = asks, one.final.time


def challenges(evidence):
    """401 and 407 that lead nowhere."""
    given = {(m.method, m.account): m.time for m in evidence.messages if not m.status and _has_credentials(m)}
    for chain in chains(evidence, _METHODS):
        now = _Round()
        for one in chain:
            if one.status in _ASKS:
                now.take(one)
            elif 200 <= one.status < 300:
                now = _Round()
        yield from _judge(now, chain, evidence, given)


def _judge(now, chain, evidence, given):
    # given: {(method, account): when it came with credentials, last}
    last = chain[-1]
    if now.elsewhere:
        one, wanted, told = now.elsewhere[0]
        yield Finding(
            "wrong-realm",
            f'{one.first.account}: the server asks for the realm "{wanted}", and the answer is for "{told}"',
            "the phone has a realm of its own in its settings, or knows another server under this name: "
            "leave the realm to the server, and check sip.registrar and sip.proxy",
            one.final.time,
        )
    elif now.refused or len(now.ignored) > 2:
        refused = now.refused or now.ignored
        one, realm, user = refused[0]
        times = len(now.refused) + len(now.ignored)
        again = f"{times} times" if times > 1 else "with its credentials"
        advice = "the password or the user is wrong: siplet provision set sip.password; some servers want sip.user"
        host = one.first.account.rpartition("@")[2]
        if realm and realm != host:
            advice += (
                f'. If both are right: the server\'s realm is "{realm}", the address says "{host}", and a server that '
                "keeps passwords as hashes needs the same name in both (sip.address)"
            )
        yield Finding(
            "wrong-password",
            f'{one.first.account}: {one.method} was refused {again} ({one.status}, realm "{realm}", user "{user}")',
            advice,
            one.final.time,
        )
    elif len(now.stale) >= _STALE:
        one, realm = now.stale[0]
        yield Finding(
            "stale-loop",
            f'{one.first.account}: {len(now.stale)} nonces in a row were out of date for the server (realm "{realm}")',
            "several servers behind one name do not know each other's nonces, or they live for too short a time",
            one.final.time,
        )
    elif last.status in _ASKS and not any(_digests(last.first, header) for _, header in _ASKS.values()):
        if evidence.end - last.final.time < _GIVES_UP_S or is_scanner(last.first):
            return
        if given.get((last.method, last.first.account), 0) > last.final.time:
            return  # some phones begin a new Call-ID for the second try
        yield Finding(
            "no-credentials",
            f"{last.first.account}: {last.method} was asked for credentials ({last.status}) and did not come back",
            "no password is set: siplet provision set sip.password",
            last.final.time,
        )


def _has_credentials(request):
    return bool(request.get("authorization") or request.get("proxy-authorization"))


def is_scanner(request):
    """Whether it comes from a program that tries what it finds on the Internet."""
    return bool(_SCANNERS.search(request.get("user-agent") + request.account))


RULES = (challenges,)
