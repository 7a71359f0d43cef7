"""Who may include whom: the layers of the code, its folders, and which folder may see which library."""

import re

# Each layer and the layers it may include besides itself.
LAYERS = {
    "storage/base": set(),
    "protocol": {"storage/base"},
    "storage": {"storage/base"},
    "persistence": {"storage/base", "storage"},
    "server": {"storage/base", "storage", "protocol", "persistence"},
    "tests": {"storage/base", "storage", "protocol", "persistence", "server"},
}

# A system header (by the beginning of its name) and the only folders that may include it. Tests may include all.
LIBRARIES = [
    ("uv.h", ["server/net"]),
    ("liburing.h", ["server/net"]),
    ("curl/", ["persistence/s3"]),
    ("openssl/", ["persistence/s3", "server"]),
    ("lzf.h", ["persistence"]),
    ("xxhash.h", ["storage/base"]),
    ("jemalloc/", ["storage/base"]),
    ("mimalloc", ["storage/base"]),
    ("malloc.h", ["storage/base"]),
    ("gtest/", []),
    ("gmock/", []),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def layer_of(path):
    if path.startswith("storage/base/"):
        return "storage/base"
    return path.split("/")[0]


def folder_of(path):
    return path.rsplit("/", 1)[0]


def inside(path, folder):
    return path.startswith(folder + "/")


def includes(text):
    """(line number, own header or None, system header or None) for each include."""
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start(1) if match.group(1) else match.start(2)) + 1, match.group(1), match.group(2)


def is_first_in_its_source(path, files):
    """Whether the build itself shows that the header compiles alone."""
    _, own, _ = next(includes(files.get(path[:-2] + ".cc", "")), (0, None, None))
    return own == path


def check_layers(files):
    for path, text in files.items():
        allowed = LAYERS[layer_of(path)] | {layer_of(path)}
        for line, own, system in includes(text):
            if own and own not in files:
                yield "%s:%d: \"%s\" is no file of the repository (paths are rooted at its top)" % (path, line, own)
            elif own and layer_of(own) not in allowed:
                yield "%s:%d: %s may not include %s" % (path, line, layer_of(path), layer_of(own))
            elif system and not path.startswith("tests/"):
                for prefix, folders in LIBRARIES:
                    if system.startswith(prefix) and not any(inside(path, folder) for folder in folders):
                        yield "%s:%d: <%s> belongs to %s" % (path, line, system, " and ".join(folders) or "tests")


def folder_edges(files):
    """Includes between folders side by side. A folder and the folder it lies in are one subject: its parts may know
    each other (server/session.h and server/net/connection.h do)."""
    edges = {}
    for path, text in files.items():
        first = folder_of(path)
        if path.startswith("tests/"):
            continue
        for _, own, _ in includes(text):
            second = folder_of(own) if own in files else first
            if first != second and not inside(first, second) and not inside(second, first):
                edges.setdefault(first, {}).setdefault(second, []).append("%s -> %s" % (path, own))
    return edges


def reachable(edges, start):
    seen, todo = set(), [start]
    while todo:
        for following in edges.get(todo.pop(), {}):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return seen


def find_cycles(files):
    """Pairs of folders that include each other, directly or by way of others: (first, second, an example)."""
    edges = folder_edges(files)
    reach = {folder: reachable(edges, folder) for folder in edges}
    for first in sorted(edges):
        for second in sorted(edges[first]):
            if first in reach.get(second, set()):
                yield first, second, edges[first][second][0]


def check_header_cycles(files):
    edges = {path: {own: None for _, own, _ in includes(text) if own in files}
             for path, text in files.items() if path.endswith(".h")}
    for path in sorted(edges):
        if path in reachable(edges, path):
            yield "%s includes itself by way of its includes" % path
