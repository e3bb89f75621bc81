"""Runs another module as a program that ends with us: `python -m hub.entrypoints.demo.leashed MODULE ARGUMENT…`."""

import runpy
import sys
import threading

from hub.entrypoints.demo.roles import watch_parent


def main() -> None:
    threading.Thread(target=watch_parent, name="parent watch", daemon=True).start()
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
