# Whom an application or its configuration lets in besides our servers. Loaded when it names somebody. May import
# friends and challenge of sip/.


def guard(phone):
    """Make phone.endpoint.admit know whom phone.accept names.

    An entry is a str: an address, a network "192.168.1.0/24", a caller "sip:user@host" (which anybody may claim to be);
    or (user, password): who is not let in otherwise is asked for a password, by digest.
    """
    admission = phone.endpoint.admit
    allow = [entry for entry in phone.accept if isinstance(entry, str)]
    if allow:
        from siplet.sip.friends import Friends

        admission.friends = Friends(allow)
    if len(allow) < len(phone.accept):
        from siplet.sip.challenge import Challenge

        users = {entry[0].encode(): entry[1].encode() for entry in phone.accept if entry not in allow}
        admission.asks = Challenge(phone.endpoint, users)
