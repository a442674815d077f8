# siplet: a SIP phone for microcontrollers. `from siplet import Phone` loads what a phone needs, and only when asked.


def __getattr__(name):
    if name == "Phone":
        module = "phone"
    elif name[:4] == "Call" or name[-5:] == "Error":
        module = "errors"
    elif name[0] == "_":
        raise AttributeError(name)
    else:
        # MicroPython asks here before it looks for a submodule.
        return __import__("siplet." + name, None, None, (name,))
    return getattr(__import__("siplet." + module, None, None, (name,)), name)
