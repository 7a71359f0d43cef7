"""Obtains the unpacked source package of the Redis suite.

The suite is not ours to copy into the repository, so it is fetched with `apt-get source` from wherever this
machine already gets its packages. The deb-src entries are derived from the machine's own apt sources and live in a
temporary directory, with lists and caches of their own: nothing of the machine's apt state is changed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE_VERSION = "7.0.15"


class SourceError(Exception):
    """The suite cannot be had; the text says why and what to do."""


def cache_root() -> Path:
    """Where the unpacked tree is kept between runs: outside the repository."""
    if "XDG_CACHE_HOME" in os.environ:
        return Path(os.environ["XDG_CACHE_HOME"]) / "cachenode"
    if os.access("/var/cache", os.W_OK):
        return Path("/var/cache/cachenode")
    return Path.home() / ".cache" / "cachenode"


def deb_src_line(line: str) -> str | None:
    """Turns a `deb` line of a one-line style file into its deb-src line; None for anything else."""
    found = re.match(r"\s*deb\s+(.*)", line)
    return f"deb-src {found.group(1)}" if found else None


def deb_src_stanza(stanza: str) -> str | None:
    """Turns a deb822 stanza that offers binaries into one that offers sources; None for anything else."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    text = "\n".join(lines)
    if re.search(r"^Enabled:\s*no\b", text, re.M | re.I):
        return None
    changed, count = re.subn(r"^Types:.*\bdeb\b.*$", "Types: deb-src", text, flags=re.M | re.I)
    return changed if count else None


def derive_sources(etc_apt: Path, target: Path) -> int:
    """Writes the deb-src counterpart of every source of `etc_apt` into `target`; returns how many there are."""
    one_line, stanzas = [], []
    parts = etc_apt / "sources.list.d"
    for path in [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.is_file():
            one_line += filter(None, map(deb_src_line, path.read_text().splitlines()))
    for path in sorted(parts.glob("*.sources")):
        stanzas += filter(None, map(deb_src_stanza, re.split(r"\n\s*\n", path.read_text())))
    target.mkdir(parents=True)
    (target / "derived.list").write_text("\n".join(one_line) + "\n")
    (target / "derived.sources").write_text("\n\n".join(stanzas) + "\n")
    return len(one_line) + len(stanzas)


def apt_directory(name: str) -> Path:
    """The value of an apt directory option, resolved as apt resolves it."""
    answer = subprocess.run(["apt-config", "shell", "V", f"{name}/d"], capture_output=True, text=True, check=True)
    found = re.search(r"V='([^']*)'", answer.stdout)
    if not found:
        raise SourceError(f"apt-config does not know {name}")
    return Path(found.group(1))


def apt_options(scratch: Path) -> list[str]:
    """Options that keep every trace of our apt calls inside `scratch`."""
    for name in ("lists/partial", "cache/archives/partial"):
        (scratch / name).mkdir(parents=True)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": scratch / "sources",
        "Dir::State::lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
    }
    if os.geteuid() == 0:
        options["APT::Sandbox::User"] = "root"  # The scratch directory is not open to the _apt user.
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def pick_version(showsrc: str) -> str:
    """The package version to fetch: that of the installed redis-tools if it is offered, else the newest of our release."""
    offered = re.findall(r"^Version:\s*(\S+)", showsrc, re.M)
    fitting = [v for v in offered if re.match(rf"(\d+:)?{re.escape(SUITE_VERSION)}-", v)]
    if not fitting:
        raise SourceError(f"the suite is Redis {SUITE_VERSION}; this machine's sources offer {offered or 'none'}")
    status = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "redis-tools"], capture_output=True, text=True)
    return status.stdout if status.stdout in fitting else fitting[-1]


def run_apt(arguments: list[str], **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL, **kwargs)


def fetch(target: Path) -> None:
    """Downloads and unpacks the source package; `target` appears only when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as name:
        scratch = Path(name)
        if not derive_sources(apt_directory("Dir::Etc"), scratch / "sources"):
            raise SourceError("no apt source of this machine offers packages to derive a deb-src entry from")
        options = apt_options(scratch)
        # A third-party source without source packages makes `update` fail; what matters is whether redis is there.
        update = run_apt(["apt-get", *options, "update"])
        version = pick_version(run_apt(["apt-cache", *options, "showsrc", "redis"]).stdout)
        unpack = scratch / "unpack"
        unpack.mkdir()
        source = run_apt(["apt-get", *options, "source", f"redis={version}"], cwd=unpack)
        tree = unpack / f"redis-{SUITE_VERSION}"
        if source.returncode != 0 or not (tree / "tests" / "test_helper.tcl").is_file():
            raise SourceError(f"apt-get source redis={version} failed:\n{update.stderr}{source.stderr}")
        shutil.rmtree(target, ignore_errors=True)
        tree.rename(target)


def need_tools() -> None:
    """Installs the suite's interpreter and the unpacker when they are missing and we may."""
    packages = {"tclsh": "tcl", "dpkg-source": "dpkg-dev", "redis-cli": "redis-tools", "openssl": "openssl"}
    missing = [package for tool, package in packages.items() if not shutil.which(tool)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise SourceError(f"missing packages: apt-get install {' '.join(missing)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = run_apt(["apt-get", "install", "-y", "--no-install-recommends", *missing], env=environment)
    if done.returncode != 0:
        raise SourceError(f"apt-get install {' '.join(missing)} failed:\n{done.stderr}")


def suite_tree() -> Path:
    """The unpacked source tree of the suite, fetched on the first call of a machine."""
    need_tools()
    tree = cache_root() / f"redis-{SUITE_VERSION}"
    if not (tree / "tests" / "test_helper.tcl").is_file():
        print(f"fetching the Redis {SUITE_VERSION} suite into {tree}", file=sys.stderr)
        fetch(tree)
    return tree
