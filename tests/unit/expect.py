# What tests of refusals need: the blame that a call ended with.

from siplet.errors import LocalError, RemoteError


def status(function, *arguments):
    """The status of the RemoteError that function(*arguments) raises; None when it raises nothing."""
    try:
        function(*arguments)
    except RemoteError as error:
        return error.status
    return None


def misused(function, *arguments):
    """Whether function(*arguments) raises LocalError."""
    try:
        function(*arguments)
    except LocalError:
        return True
    return False
