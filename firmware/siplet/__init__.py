# siplet: a SIP phone for microcontrollers. `from siplet import Phone` loads what a phone needs, and only when asked.

_WHERE = {
    "Phone": "phone",
    "CallError": "errors",
    "CallRejected": "errors",
    "CallTimeout": "errors",
    "CallCancelled": "errors",
    "CallLost": "errors",
    "LocalError": "errors",
    "RemoteError": "errors",
}


def __getattr__(name):
    module = _WHERE.get(name)
    if module is None:
        if name[0] == "_":
            raise AttributeError(name)
        # MicroPython asks here before it looks for a submodule.
        return __import__("siplet." + name, None, None, (name,))
    return getattr(__import__("siplet." + module, None, None, (name,)), name)
