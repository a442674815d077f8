# siplet's Phone on this computer, opened, registered and closed, with errors for people. Imports errors, firmware.

import contextlib
import errno
import socket
import sys

from siplet_tools import firmware
from siplet_tools.errors import FAILED, USAGE, ToolError
from siplet_tools.wire.call_report import FAULT

_REGISTER_MS = 8000
_NOTES = 50  # that are kept: nobody reads more
# A measuring phone changes nothing of the sound, and has no handset at which a tone could be heard
_SOUND = {"sound.complete": True, "sound.hands_free": "off", "sound.progress_tones": False}


class HostPhone:
    """async with HostPhone(toward="192.168.1.20") as phone: a siplet.Phone as phone.phone; phone.uri: who calls it.

    toward: the host that will be called or will call, which decides which of our addresses is used; address: instead of
    that. account: "sip:me@server", password, transport: registers there first. port: of SIP, 0: any free one. accept:
    whose calls are taken beside our servers': addresses, networks, or "open". ToolError when it cannot be.
    """

    def __init__(
        self, audio, toward="", address="", account="", password=None, transport=None, port=0, accept=(), name="siplet"
    ):
        self._audio, self._toward, self._address = audio, toward, address
        self._account, self._password, self._transport = account, password, transport
        self._port, self._accept, self._name = port, accept, name
        self.phone = None
        self.notes = []  # what the phone has to say of itself
        self.messages = 0  # of SIP that came
        self._quiet = contextlib.ExitStack()

    async def __aenter__(self):
        phone_module = firmware.load("phone")
        errors = firmware.load("errors")
        self._address = self._address or firmware.load("net.route").local_address(self._toward or "192.0.2.1")
        account = {"password": self._password, "register": True} if self._account else {}
        if self._transport:
            account["transport"] = self._transport
        self._quiet.enter_context(_told_to(self.notes))
        try:
            self.phone = phone_module.Phone(
                self._account or f"sip:{self._name}@{self._address}",
                local_address=self._address,
                local_port=self._port,
                audio=self._audio,
                accept=tuple(self._accept),
                trace=self._seen,
                sound=dict(_SOUND, **{"sound.log": None}),
                **account,
            )
            if self._transport == "tls":
                self.phone.streams = {"tls": {"ca": "", "pin": "", "insecure": False}}
            await self.phone.__aenter__()
        except BaseException as error:
            self._quiet.close()
            if isinstance(error, (errors.LocalError, errors.RemoteError)):
                reason = getattr(error, "text", error)
                raise ToolError(f"{self._account or self._address}: is no address of SIP ({reason})", USAGE) from None
            if isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
                raise ToolError(
                    f"{self._address}: is no address of this computer; --local-address wants one that it has", USAGE
                ) from None
            if isinstance(error, OSError):
                raise ToolError(
                    f"{self._address}:{self._port}: this port cannot be opened ({error.strerror or error}); another "
                    "program may have it: say another one with --local-port, or --local-address",
                    USAGE,
                ) from None
            raise
        if self._account:
            try:
                await self._register()
            except BaseException:
                await self.__aexit__(None, None, None)
                raise
        return self

    async def __aexit__(self, kind, error, trace):
        try:
            # A server is to forget us; who did not answer our BYE, or never said a word, is not waited for once more
            known = self.phone.registration in ("registered", "refreshing")
            await self.phone.close(2000 if known else 500 if self.messages else 100)
        finally:
            self._quiet.close()

    @property
    def uri(self):
        """What to call to reach it directly."""
        return f"sip:{self._name}@{self.phone.local_address}:{self.phone.local_port}"

    def _seen(self, sent, data, address):
        self.messages += not sent

    async def _register(self):
        phone = self.phone
        # Who was refused is not waited for, though the phone will try again
        await phone.until(lambda: phone.registration in ("registered", "failed"), _REGISTER_MS)
        if phone.registration == "registered":
            return
        status = self.phone.registration_status
        server = self._account.rpartition("@")[2]
        if status in (401, 403, 407):
            text = f"{server} refuses the password of {self._account} ({status}): check SIPLET_PASSWORD"
        elif status and self.messages:
            text = f"{server} does not register {self._account} ({status}): does it know this account?"
        else:
            text = f"{server} does not answer: is that its name, is it on, does a firewall stand between?"
        raise ToolError(text, FAILED)


_listeners = []  # lists of notes of the phones that are open
_former = []  # what was changed for them: (module, name, its own value)


@contextlib.contextmanager
def _told_to(notes):
    # siplet prints its log and what would be faults of its own; here they are notes
    if not _listeners:
        _former.extend(_redirect())
    _listeners.append(notes)
    try:
        yield
    finally:
        _listeners[:] = [one for one in _listeners if one is not notes]
        while _former and not _listeners:
            module, name, value = _former.pop()
            setattr(module, name, value)


def _redirect():
    original, platform = firmware.load("log").log, firmware.load("platform")
    for name in ("sound.path", "sound.parts"):
        firmware.load(name)
    changed = [(module, "log", original) for module in list(sys.modules.values()) if _has_log(module, original)]
    for module, name, _ in changed:
        setattr(module, name, _log)
    changed.append((platform, "print_exception", platform.print_exception))
    platform.print_exception = _fault
    return changed


def _log(text):
    for notes in _listeners:
        if len(notes) < _NOTES:
            notes.append(str(text))


def _fault(error):
    _log(f"{FAULT}{type(error).__name__} {error}")


def _has_log(module, original):
    return getattr(module, "__name__", "").startswith("siplet.") and vars(module).get("log") is original
