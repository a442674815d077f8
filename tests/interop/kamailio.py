# Kamailio as registrar and proxy for tests: started on a free port from a template, asked through its own RPC.
# Imports the standard library and siplet_tools.process.

import glob
import json
import os
import shutil
import socket

from siplet_tools.process import Process, ProcessError, free_ports, wait_until

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates", "kamailio.cfg")
TABLES = "/usr/share/kamailio/dbtext/kamailio"
PASSWORDS = {"door": "door-secret", "indoor": "indoor-secret", "third": "third-secret"}


def missing():
    """What has to be installed, as one line; "" when all is there."""
    if not shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return "kamailio is not installed (make peers)"
    for module in ("presence", "tls", "websocket"):
        if not glob.glob(f"/usr/lib/*/kamailio/modules/{module}.so"):
            return f"kamailio-{module}-modules is not installed (make peers)"
    return ""


class Kamailio:
    """A running Kamailio; a context manager that ends it.

    parts: names to switch on in the template, which lists them. server is "HOST:PORT", tls_server that for TLS;
    certificates: (CA file, certificate file, key file) of part TLS.
    """

    def __init__(
        self, folder, parts=(), min_expires=10, max_expires=3600, nonce_expire=300, port=None, certificates=("", "", "")
    ):
        self.folder = os.path.abspath(str(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.port = port or free_ports(2)
        self.server = f"127.0.0.1:{self.port}"
        self.tls_server = f"127.0.0.1:{self.port + 1}"
        fields = {
            "ADDRESS": "127.0.0.1",
            "PORT": self.port,
            "TLS_PORT": self.port + 1,
            "CERTIFICATE": certificates[1],
            "KEY": certificates[2],
            "MODULES": (glob.glob("/usr/lib/*/kamailio/modules") + [""])[0],
            "FOLDER": self.folder,
            "MIN_EXPIRES": min_expires,
            "MAX_EXPIRES": max_expires,
            "NONCE_EXPIRE": nonce_expire,
            "PASSWORDS": "\n".join(f'    $sht(passwords=>{user}) = "{word}";' for user, word in PASSWORDS.items()),
        }
        with open(TEMPLATE, encoding="utf-8") as file:
            text = file.read()
        for name, value in fields.items():
            text = text.replace(f"@{name}@", str(value))
        if "PRESENCE" in parts:
            # Nothing is kept there: the modules look at the numbers of their tables' layouts, and no more.
            shutil.copytree(TABLES, os.path.join(self.folder, "presence"))
        path = os.path.join(self.folder, "kamailio.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        command = [shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin"), "-f", path, "-DD", "-E"]
        command += ["-P", os.path.join(self.folder, "pid"), "-w", self.folder, "-Y", self.folder, "-m", "32", "-M", "4"]
        for part in parts:
            command += ["-A", part]
        self._process = Process("kamailio", command, self.folder)
        self._answers = os.path.join(self.folder, "answers")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._answers)
        self._socket.settimeout(2)
        try:
            wait_until(self._is_ready, 10, "answer to OPTIONS", self._process)
        except ProcessError:
            self.stop()
            raise

    def _is_ready(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            text = f"OPTIONS sip:{self.server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}\r\n"
            text += f"From: <sip:test@{self.server}>;tag=1\r\nTo: <sip:{self.server}>\r\nCall-ID: ready{port}\r\n"
            text += "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            try:
                sock.sendto(text.encode(), ("127.0.0.1", self.port))
                return sock.recv(4096).startswith(b"SIP/2.0 200") and os.path.exists(os.path.join(self.folder, "rpc"))
            except OSError:
                return False

    def ask(self, method, *parameters):
        """The result of a JSON-RPC command; ProcessError when Kamailio reports an error."""
        question = {"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}
        self._socket.sendto(json.dumps(question).encode(), os.path.join(self.folder, "rpc"))
        answer = json.loads(self._socket.recv(65536))
        if "error" in answer:
            raise ProcessError(f"kamailio: {method}: {answer['error']}")
        return answer["result"]

    def contacts(self, user):
        """The bindings of a user, [(contact URI, seconds left), ...]; empty when there is none."""
        try:
            found = self.ask("ul.lookup", "location", user)
        except ProcessError:
            return []
        rows = [contact["Contact"] for contact in found["Contacts"]]
        return [(row["Address"], row["Expires"]) for row in rows if row["Expires"] not in ("expired", "deleted")]

    def came(self, method, user):
        """[(had credentials, CSeq), ...] of the requests of that method that came from user, in order."""
        found = []
        for line in self._process.output().splitlines():
            if f"came: {method} from {user} " in line:
                words = line.split("came: ")[1].split()
                found.append((words[4] != "<null>", int(words[6])))
        return found

    def output(self):
        """All that it has printed."""
        return self._process.output()

    def stop(self):
        """End it, with its children; registrations are gone with it."""
        self._process.stop()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
