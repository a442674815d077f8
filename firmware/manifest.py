# What is frozen into a firmware image besides a board's own files: the package, the applications and main.py.
# Read by MicroPython's build; boards/NAME/manifest.py includes this file.
# include, package and module are the words of the build that reads it.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

package("siplet", opt=3)
package("apps", opt=3)
module("main.py", opt=3)
