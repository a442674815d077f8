# Fills MicroPython's table of names, which doubles when it is full: what is imported next is measured without that.


class _Many:
    pass


for _number in range(800):
    setattr(_Many, f"many_names_{_number}", 0)
