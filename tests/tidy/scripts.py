"""Sizes of the Python programs and modules, by the limits of the C++ sources."""

import ast


def is_python(path, text):
    return path.endswith(".py") or (text.startswith("#!") and "python" in text.split("\n", 1)[0])


def check_scripts(files, source_lines_max, function_lines_max):
    """`files`: {path: text}, of which those that are no Python are passed over."""
    for path, text in files.items():
        if not is_python(path, text):
            continue
        if text.count("\n") > source_lines_max:
            yield "%s: source of %d lines, the limit is %d" % (path, text.count("\n"), source_lines_max)
        for node in ast.walk(ast.parse(text, path)):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            lines = node.end_lineno - node.lineno + 1
            if lines > function_lines_max:
                yield "%s:%d: function %s of %d lines, the limit is %d" % (path, node.lineno, node.name, lines,
                                                                          function_lines_max)
