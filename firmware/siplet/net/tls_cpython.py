# What net/tls is on CPython: the same checks by OpenSSL. No board has it. Imports the standard library and tcp_cpython.
# What MicroPython's stubs do not know is here on purpose.
# pyright: reportAttributeAccessIssue=false

import ssl

from siplet.net.tcp_cpython import Stream


def wrap(sock, name, authorities, look):
    """A Stream whose first write does the handshake and has look(certificate) see the server's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as mbedtls: whoever is given is believed
    if authorities:
        for certificate in authorities:
            context.load_verify_locations(cadata=certificate)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def check():
        if look and look(stream.sock.getpeercert(True)):
            raise ValueError("fingerprint")

    stream = Stream(context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False), check)
    return stream
