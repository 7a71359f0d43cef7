"""Calls and constructs that this code base does without. A line that needs one says so, with its reason:

    free(text);  // tidy: allow(malloc) libcurl allocated it and says to free it.

or in a comment line of its own just above.
"""

import re

from source import strip

TESTS = "tests/"

# Name, what matches it in code without comments and literals, why, and the folders where it is fine.
RULES = [
    ("unbounded-copy", r"\b(?:strcpy|strcat|stpcpy|gets|sprintf|vsprintf|alloca)\s*\(", "writes without a limit", []),
    ("c-number", r"\b(?:atoi|atol|atoll|atof|strtol|strtoll|strtoul|strtoull|strtod|strtold|sscanf|stoi|stol|stoll|stoul|stoull|stod)\s*\(",
     "storage/base/numbers parses numbers", ["storage/base", TESTS]),
    ("rand", r"\b(?:s?rand|drand48)\s*\(", "storage/base has the generators", [TESTS]),
    ("static-buffer", r"\b(?:strtok|localtime|gmtime|asctime|ctime|readdir_r|inet_ntoa|gethostbyname)\s*\(",
     "answers from a buffer that all threads share", [TESTS]),
    ("sleep", r"\b(?:sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\(", "a loop never sleeps", [TESTS]),
    ("process", r"\b(?:fork|vfork|system|popen)\s*\(", "this server never starts another process", [TESTS]),
    ("jump", r"\b(?:setjmp|longjmp|sigsetjmp|siglongjmp)\s*\(", "skips destructors", []),
    ("malloc", r"(?<![\w.>:])(?:malloc|calloc|realloc|free|strdup|posix_memalign|aligned_alloc)\s*\(",
     "memory comes from storage/base/memory.h, which counts it", ["storage/base", TESTS]),
    ("throw", r"\bthrow\b", "our code does not throw", [TESTS]),
    ("rtti", r"\b(?:dynamic_cast|typeid)\b", "no logic on run-time types", []),
    ("const-cast", r"\bconst_cast\b", "constant means constant", ["storage/base", TESTS]),
    ("stream", r"\bstd::(?:cout|cerr|clog|endl|[io]?stringstream|regex)\b", "slow, and allocates", [TESTS]),
    ("volatile", r"(?<!asm )\bvolatile\b", "says nothing about threads: use std::atomic", ["storage/base", TESTS]),
    ("fence", r"\batomic_thread_fence\b", "the thread sanitizer does not model fences", []),
    ("macro", r"^\s*#\s*define\b", "macros are for log call sites and annotations in storage/base", ["storage/base", TESTS]),
]
HEADER_RULES = [
    ("using-namespace", r"\busing\s+namespace\b", "leaks into every includer", []),
]
RULES = [(name, re.compile(pattern, re.M), why, folders) for name, pattern, why, folders in RULES]
HEADER_RULES = [(name, re.compile(pattern, re.M), why, folders) for name, pattern, why, folders in HEADER_RULES]

ALLOW = re.compile(r"//\s*tidy: allow\(([\w, -]+)\)\s+\S+")
TODO = re.compile(r"//.*\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")


def allowed(lines, number):
    """The rules that line `number` (from 1) or a comment line above it allows."""
    names = set()
    for match in ALLOW.finditer(lines[number - 1]):
        names |= {name.strip() for name in match.group(1).split(",")}
    above = number - 2
    while above >= 0 and lines[above].lstrip().startswith("//"):
        for match in ALLOW.finditer(lines[above]):
            names |= {name.strip() for name in match.group(1).split(",")}
        above -= 1
    return names


def check_banned(files):
    for path, text in files.items():
        lines = text.split("\n")
        code = strip(text)
        rules = RULES + (HEADER_RULES if path.endswith(".h") else [])
        for name, pattern, why, folders in rules:
            if any(path.startswith(folder.rstrip("/") + "/") for folder in folders):
                continue
            for match in pattern.finditer(code):
                start = match.start() + len(match.group(0)) - len(match.group(0).lstrip())
                number = code.count("\n", 0, start) + 1
                if name not in allowed(lines, number):
                    yield "%s:%d: %s: %s" % (path, number, match.group(0).strip().rstrip("( "), why)
        for number, line in enumerate(lines, 1):
            if TODO.search(line):
                yield "%s:%d: a TODO names its issue: TODO(#12)" % (path, number)
