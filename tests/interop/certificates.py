# A certificate authority of our own for tests of TLS, made by openssl when a test needs it.
# Imports the standard library and siplet_tools.process.

import os
import shutil
import subprocess

from siplet_tools.process import ProcessError


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if shutil.which("openssl") else "openssl is not installed (make peers)"


def make(folder, name="localhost", address="127.0.0.1", days=2):
    """(CA file, certificate file, key file), all PEM: a server's certificate for that name and address."""
    folder = os.path.abspath(str(folder))
    os.makedirs(folder, exist_ok=True)

    def path(file):
        return os.path.join(folder, file)

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise ProcessError(f"openssl {' '.join(arguments)}: {done.stderr.strip()}")

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ours = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"]
    openssl("req", "-x509", *new_key, *ours, "-subj", "/CN=siplet's CA", "-days", str(days),
            "-keyout", path("ca.key"), "-out", path("ca.pem"))  # fmt: skip
    openssl("req", *new_key, "-keyout", path("key.pem"), "-out", path("request.pem"), "-subj", "/CN=" + name)
    with open(path("names"), "w", encoding="utf-8") as file:
        file.write(f"subjectAltName=DNS:{name},IP:{address},URI:sip:{address}\n")
    openssl("x509", "-req", "-in", path("request.pem"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-set_serial", "1", "-days", str(days), "-extfile", path("names"),
            "-out", path("certificate.pem"))  # fmt: skip
    return path("ca.pem"), path("certificate.pem"), path("key.pem")
