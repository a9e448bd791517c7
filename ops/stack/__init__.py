"""The embedded development stack: real parts out of Python packages, as supervised children."""
