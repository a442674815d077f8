# The fixtures that several of these tests have: a virtual board (virtual_parts.py), one with siplet on it, a registrar
# beside it (check_parts.py). A test file's own fixture of the same name comes first.

from check_parts import bench, deployed, registrar  # noqa: F401
from virtual_parts import board, link  # noqa: F401
