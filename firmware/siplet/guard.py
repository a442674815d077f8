# Who may call a phone, as its application or its configuration says it. May import of sip/
# admission, friends, challenge and uri.

from siplet.sip.admission import Admission
from siplet.sip.uri import Uri


def guard(phone):
    """Let requests in only from the servers of the phone's accounts, and from whom phone.accept names.

    An entry is a str: an address, a network "192.168.1.0/24", a caller "sip:user@host" (which anybody may claim to be);
    or (user, password): who is not let in otherwise is asked for a password, by digest.
    """
    users = {}
    allow = []
    for entry in phone.accept:
        if isinstance(entry, str):
            allow.append(entry)
        else:
            users[entry[0].encode()] = entry[1].encode()
    asks = None
    if users:
        from siplet.sip.challenge import Challenge

        asks = Challenge(phone.endpoint, users)
    phone.endpoint.admit = Admission(lambda: servers(phone), allow, asks)


def servers(phone):
    """The addresses of our servers, str, as far as they are known now."""
    found = []
    for account in phone.accounts:
        if account.register or account.proxy:
            destination = Uri(account.hop).destination()
            found.append(destination[0])
            found.extend(phone.addresses(destination))
    return found
