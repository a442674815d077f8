# What the PC's board tells of its phone when it is asked: status, media, quality. Loaded with the first of them.

from json import dumps

from siplet.errors import LocalError


def status(phone):
    """One line: the registration, and the state of each call."""
    states = [session.call.state for session in phone.endpoint.sessions if session.call]
    return f"registration {phone.registration}, calls {' '.join(states) or 'none'}"


def media(phone):
    """One line: the counters of the first call that has sound."""
    for session in phone.endpoint.sessions:
        stats = session.call and session.call.stats
        if stats:
            return " ".join([f"{name} {value}" for name, value in stats.__dict__.items()])
    return "none"


def quality(phone):
    """One line of JSON: how good the call is that has sound, else the last one was; see siplet.sound.quality."""
    known = phone.__dict__.get("last_quality")
    for session in phone.endpoint.sessions:
        if session.call and session.call.stream:
            try:
                known = session.call.quality()
            except LocalError as error:
                return f"error: {error}"
    return dumps(known) if known else "none"
