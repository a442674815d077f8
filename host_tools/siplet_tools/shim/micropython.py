# MicroPython's `micropython` module for CPython: the decorators do nothing, const() is its argument. Imports nothing.


def const(value):
    return value


def viper(function):
    return function


def native(function):
    return function


def opt_level(level=None):
    return 0
