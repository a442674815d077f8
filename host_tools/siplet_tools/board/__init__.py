# A board on a cable: finding it, talking to its MicroPython, what is put onto it.
# Functions return values and print nothing.
