# Who may call a phone, as its application or its configuration says it. May import admission, friends, challenge and
# uri of sip/.

from siplet.sip.admission import Admission
from siplet.sip.uri import Uri


def guard(phone):
    """Let requests in only from the servers of the phone's accounts, and from whom phone.accept names.

    An entry is a str: an address, a network "192.168.1.0/24", a caller "sip:user@host" (which anybody may claim to be);
    or (user, password): who is not let in otherwise is asked for a password, by digest.
    """
    friends = asks = None
    allow = [entry for entry in phone.accept if isinstance(entry, str)]
    if allow:
        from siplet.sip.friends import Friends

        friends = Friends(allow)
    if len(allow) < len(phone.accept):
        from siplet.sip.challenge import Challenge

        users = {entry[0].encode(): entry[1].encode() for entry in phone.accept if entry not in allow}
        asks = Challenge(phone.endpoint, users)
    phone.endpoint.admit = Admission(lambda: servers(phone), friends, asks)


def servers(phone):
    """The addresses of our servers, str, as far as they are known now."""
    found = []
    for account in phone.accounts:
        if account.register or account.proxy:
            destination = Uri(account.hop).destination()
            found.append(destination[0])
            found.extend(phone.addresses(destination))
    return found
