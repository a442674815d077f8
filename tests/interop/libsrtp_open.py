# Opens SRTP with libsrtp: JSON on standard input and output, see libsrtp.py.
# Run by the peers' Python, which has pylibsrtp; imports that and the standard library.

import base64
import json
import sys

from pylibsrtp import Error, Policy, Session

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


def main():
    wish = json.load(sys.stdin)
    policy = Policy(base64.b64decode(wish["key"]), Policy.SSRC_ANY_INBOUND, 0, SUITES[wish["suite"]])
    session = Session(policy)
    plain = []
    for text in wish["packets"]:
        packet = bytes.fromhex(text)
        unprotect = session.unprotect_rtcp if 192 <= packet[1] <= 223 else session.unprotect
        try:
            plain.append(unprotect(packet).hex())
        except Error:
            plain.append(None)
    json.dump(plain, sys.stdout)


main()
