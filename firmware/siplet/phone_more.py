# What few phones need: methods of Phone that are loaded with the first one used; each imports what it stands for.
# May import account, platform and, in its functions, the modules of sip/ that they stand for.

from siplet import platform
from siplet.account import Account
from siplet.errors import LocalError
from siplet.sip.uri import Uri


def add_account(phone, address, **options):
    """Be somebody at one more server: an Account, whose arguments these are; registers at once when the phone is open.

    A call goes out by the account whose domain it is for, else by the first; call.account, set before, chooses another.
    """
    account = Account(address, **options)
    phone.accounts.append(account)
    if phone.endpoint:
        account.start(phone.endpoint, platform.now())
        phone.pump()
    return account


def assign(phone, session):
    """Make an incoming call that of the account whose user was asked for; call.account tells the application."""
    for account in phone.accounts:
        if account.user == Uri(session.call.request.uri).user:
            session.user, session.call.account = account.user, account
            if session.call.request.source[0] in phone.server_addresses():  # nobody else may ask for our password
                session.credentials = account.credentials
            return


def configure(phone, compact=False, redirects=None, reliable=None, session_expires=None):
    """What few phones want otherwise: arguments of Phone, or a call of their own before calls are made.

    compact: our headers go by one letter where they have one (RFC 3261 7.3.3). redirects: how often a call of ours is
    sent on at most (3xx), 0: never. reliable: what comes before an answer is acknowledged (RFC 3262): "off"; None: when
    the far end wants it; "supported": whenever it can; "required": no call without it.
    session_expires: s, 90 at least, after which a call that nobody has refreshed is over (RFC 4028); 0: we ask for none
    and keep to what the far end asks for.
    """
    endpoint = phone.endpoint
    if session_expires is not None:
        endpoint.session_expires = session_expires
    if compact:
        from siplet.limits import MESSAGE
        from siplet.sip.compact import Compact

        endpoint.builder = Compact(MESSAGE + 1024)
    if redirects is not None:
        endpoint.redirects = redirects
    if reliable not in (None, "off", "supported", "required"):
        raise LocalError("reliable: off, supported or required")
    if reliable == "off":
        tags = endpoint.builder.supported.split(b", ")
        endpoint.builder.supported = b", ".join([tag for tag in tags if tag != b"100rel"])
    elif reliable:
        endpoint.reliable = reliable.encode()
        if reliable == "required":
            endpoint.extra = ((b"Require", b"100rel"),)


async def ring(phone, targets, how="all", **options):
    """Call several: `call = await phone.ring(["100", "101"], how="all")`; see siplet.hunt.ring."""
    from siplet import hunt

    return await hunt.ring(phone, targets, how, **options)


async def send_message(phone, target, text, timeout_ms=32_000, account=None):
    """Send a short text to target (a sip: URI, or a number at our registrar). Returns 200 when the far end has it, 202
    when somebody will pass it on. Raises CallRejected (413, and nothing is sent: too long for a datagram, which holds
    some 800 bytes of UTF-8 beside its head) or CallTimeout.
    """
    from siplet.texts import send

    return await send(phone, target, text, timeout_ms, account)


def on_message(phone, handler):
    """Have handler(text) called with each texts.Text that comes: .sender .text .call; None: they are refused again."""
    from siplet.texts import listen

    listen(phone, handler)


async def subscribe(phone, target, event, **options):
    """Watch somebody: a watching.Watch, whose documents `async for` gives. event: "presence", "dialog" (their calls: a
    busy lamp), "message-summary" (a mailbox; target None: ours), or another, with accept="media/type" of its documents.

    timeout_ms: for the first answer; then CallTimeout or CallRejected is raised and it is over. 0: not waited for, it
    goes on trying. expires: s, renewed as long as it is not stopped. account: by which.
    """
    from siplet import watching

    return await watching.subscribe(phone, target, event, **options)


async def fetch(phone, target, event, **options):
    """Ask once, without a subscription: the document, None when there is none. Options and errors as in subscribe()."""
    from siplet import watching

    return await watching.fetch(phone, target, event, **options)


async def publish(phone, is_open=True, note="", activity="", timeout_ms=10_000):
    """Say how we are: whether we can be reached, a note, and a word of RFC 4480 such as "away" or "on-the-phone".

    It goes to who watches us, and to our server when there is one, which is told again in time. Returns the server's
    status, 0 without one. Raises CallTimeout, and CallRejected unless others may watch us directly; it goes on trying
    unless the server does not do this at all.
    """
    from siplet import presence

    return await presence.of(phone).publish(is_open, note, activity, timeout_ms)


def watchers(phone, allow, on_change=None, details=False):
    """Let others watch our presence and our calls directly. allow: "all", a list of sip: URIs, or a function of URI and
    event ("presence", "dialog"); None: nobody, as at first. on_change(uri, event, is_there): who came or went.

    details: they are told with whom we speak, and what they need to pick a call up.
    """
    from siplet import presence

    presence.watchers(phone, allow, on_change, details)


def page(phone, group, audio=None, codec="PCMU", ttl=1):
    """Speak to everybody who hears a multicast group, "address:port": `async with phone.page("224.0.1.75:10000"):` ...

    audio: what is said, None: the phone's microphone, which a call has first; codec: "PCMU", "PCMA" or, of a complete
    phone, "G722". LocalError for a group or a codec that is none, and on entering for a phone that is not open.
    """
    from siplet.paging_speech import Speech

    return Speech(phone, group, audio, codec, ttl)


def hear_pages(phone, groups, interrupts_calls=False, silence_ms=1000):
    """Hear what is said to multicast groups, the most important first, and none but these from now on; returns
    siplet.paging.Pages. LocalError for a group that is none and a phone that is not open.
    """
    from siplet.paging import Pages

    former = phone.__dict__.get("pages")
    phone.pages = Pages(phone, groups, interrupts_calls, silence_ms)
    if former:
        former.close()
    return phone.pages
