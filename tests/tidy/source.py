"""Reading C++ as text: comments and literals blanked out, functions found by clang-format's layout."""

import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])*\'', re.S)
NOT_A_FUNCTION = re.compile(
    r"^\s*(?:namespace|class|struct|enum|union|extern|typedef|using|public|private|protected)\b|=\s*\{$|^\s*#")
CONTINUES = re.compile(r"^\s*(?:[A-Za-z_~:].*)?$")


def strip(text):
    """The text with comments and the inside of literals replaced by spaces; lines stay where they are."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def functions(text):
    """(name line, first line number, length in lines) of each function body, by indentation.

    Relies on the layout that the format check enforces: a body opens with a line that ends in '{' and closes with a
    line that begins with '}' at the indentation of the signature's first line.
    """
    lines = strip(text).split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        if not line.rstrip().endswith("{") or NOT_A_FUNCTION.search(line):
            index += 1
            continue
        start = signature_start(lines, index)
        head = " ".join(part.strip() for part in lines[start:index + 1])
        indent = len(lines[start]) - len(lines[start].lstrip())
        if "(" not in head or head.startswith(("{", "[")) or NOT_A_FUNCTION.search(head):
            index += 1
            continue
        end = index + 1
        while end < len(lines) and not (lines[end].startswith(" " * indent + "}")):
            end += 1
        yield head, start + 1, end - start + 1
        index = end + 1


def signature_start(lines, index):
    """Goes back from the line that opens a body to the first line of its signature."""
    depth = lines[index].count(")") - lines[index].count("(")
    while index > 0:
        previous = lines[index - 1].rstrip()
        if depth <= 0 and (not previous or previous.endswith((";", "}", "},", "{", ":")) or previous.lstrip().startswith("#")):
            break
        if not previous:
            break
        index -= 1
        depth += lines[index].count(")") - lines[index].count("(")
    return index


def function_name(head):
    match = re.search(r"([A-Za-z_~][\w:~]*|operator\W+)\s*\(", head)
    return match.group(1) if match else head[:40]
