# The tones of the keys, ITU-T Q.23: one wave of the low group tells the row, one of the high group the column.
# Imports nothing.

LOW = (697, 770, 852, 941)  # Hz
HIGH = (1209, 1336, 1477, 1633)
GRID = "123A456B789C*0#D"  # GRID[4 * row + column]
