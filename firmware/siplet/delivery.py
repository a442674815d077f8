# Where messages go that no literal UDP address stands for: names, and streams. Loaded with the first such destination.
# May import platform and net.


class Delivery:
    """phone: the Phone whose messages these are."""

    def __init__(self, phone):
        self._phone = phone

    def send(self, data, destination):
        """Send data to a destination of the core (see sip/uri.py); phone.failed(destination) when it cannot be."""
        phone = self._phone
        if len(destination) > 2 or not phone.udp.send_to(data, (destination[0], destination[1] or 5060)):
            phone.failed(destination)

    def close(self):
        """Give everything back."""
