"""The C++ programs beside this folder: built on first use, and again when their source is newer."""

import os
import subprocess

from .process import REPOSITORY


def built_tool(name: str) -> str:
    """Path of the program `tests/bench/<name>/main.cc`."""
    built = REPOSITORY / "build" / "release" / "bin" / name
    source = REPOSITORY / "tests" / "bench" / name / "main.cc"
    if not built.is_file() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O2", str(source), "-o", str(built)], check=True)
    return str(built)
