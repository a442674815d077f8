# Requests that are too large for a datagram: RFC 3261 section 18.1.1. Loaded with the first one. Imports nothing.

from micropython import const

_CALLING = const(0x10)  # the first state of transaction.py: nobody has answered


def by_stream(transaction, data):
    """Let a client transaction of UDP go by TCP; returns its data, whose Via says so. Others stay as they are."""
    if len(transaction.destination) > 2:
        return data
    transaction.large = True
    transaction.destination += (b"TCP",)
    return data.replace(b"/UDP ", b"/TCP ", 1)


def by_datagram(transaction, now):
    """TCP was refused: the same request by UDP, as large as it is. A connection that ends later is another thing."""
    if transaction.state != _CALLING:
        transaction.on_error(now)
        return
    transaction.large = False
    transaction.destination = transaction.destination[:2]
    transaction.data = transaction.data.replace(b"/TCP ", b"/UDP ", 1)
    transaction.start_client(transaction.method, transaction.branch, transaction.data, now)
