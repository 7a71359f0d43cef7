"""OpenStack Swift with its S3 API, out of Debian's packages, as a store that nobody here wrote.

    with SwiftStore() as swift:       # swift.url, swift.key_id, swift.secret; Unavailable if it cannot run here
        ...

Four Swift servers and memcached on loopback ports of the system's choice, everything in a temporary folder. Swift
verifies Signature Version 4, body hashes and clock skew. It starts in 2 to 40 s.
"""

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 90
SERVERS = ("account", "container", "object")
PACKAGES = ("memcached", "libevent-2.1-7")

RUN_SERVER = """
import sys
from swift.common.utils import set_swift_dir
from swift.common.wsgi import run_wsgi
set_swift_dir(sys.argv[3])
options = {}
if sys.argv[2] == "object-server":
    from swift.obj import server
    options["global_conf_callback"] = server.global_conf_callback
sys.exit(run_wsgi(sys.argv[1], sys.argv[2], **options))
"""

RING_BUILDER = "import sys; from swift.cli.ringbuilder import main; main(['swift-ring-builder'] + sys.argv[1:])"

STORAGE_CONF = """[DEFAULT]
devices = {folder}/data
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}/etc
user = {user}
fallocate_reserve = 0
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

PROXY_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}/etc
user = {user}
[pipeline:main]
pipeline = catch_errors gatekeeper proxy-logging cache s3api tempauth bulk slo dlo copy symlink versioned_writes proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached_port}
""" + "".join("[filter:%s]\nuse = egg:swift#%s\n" % (name, name.replace("-", "_"))
              for name in ("catch_errors", "gatekeeper", "proxy-logging", "bulk", "slo", "dlo", "copy", "symlink"))

SWIFT_CONF = """[swift-hash]
swift_hash_path_suffix = x
swift_hash_path_prefix = y
[storage-policy:0]
name = gold
default = yes
policy_type = replication
"""


class Unavailable(Exception):
    """Swift cannot run on this machine; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SwiftStore:
    key_id = "test:tester"
    secret = "testing"

    def __init__(self):
        self.processes = []
        self.folder = None
        self.ports = {}

    def __enter__(self):
        try:
            self._check_machine()
            self._write_configuration()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        self.url = "http://127.0.0.1:%d" % self.ports["proxy"]
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _check_machine(self):
        if subprocess.run([sys.executable, "-c", "import swift.obj.server"], capture_output=True, check=False).returncode:
            raise Unavailable("python3-swift is not installed")
        self.folder = tempfile.mkdtemp(prefix="swift-")
        try:
            os.setxattr(self.folder, "user.swift.test", b"x")
        except OSError:
            raise Unavailable("%s keeps no extended attributes" % self.folder) from None
        self.memcached, self.environment = self._find_memcached()

    def _find_memcached(self):
        """An installed memcached, or one unpacked from Debian's package: installing it would start a service."""
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        found = shutil.which("memcached")
        if found:
            return found, environment
        packages = os.path.join(self.folder, "packages")
        os.makedirs(packages)
        fetched = subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=packages, capture_output=True, text=True,
                                 check=False)
        if fetched.returncode:
            raise Unavailable("memcached: " + fetched.stderr.strip().split("\n")[-1])
        for package in glob.glob(packages + "/*.deb"):
            subprocess.run(["dpkg", "-x", package, packages], check=True)
        libraries = glob.glob(packages + "/usr/lib/*-linux-gnu")
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        return packages + "/usr/bin/memcached", environment

    def _write_configuration(self):
        for name in ("etc", "data/sdb1"):
            os.makedirs(os.path.join(self.folder, name))
        for name in SERVERS + ("proxy", "memcached"):
            self.ports[name] = free_port()
        import pwd
        values = {"folder": self.folder, "user": pwd.getpwuid(os.geteuid()).pw_name}
        texts = {"swift.conf": SWIFT_CONF,
                 "proxy.conf": PROXY_CONF.format(port=self.ports["proxy"], memcached_port=self.ports["memcached"], **values)}
        for name in SERVERS:
            texts[name + ".conf"] = STORAGE_CONF.format(name=name, port=self.ports[name], **values)
        for name, text in texts.items():
            with open(os.path.join(self.folder, "etc", name), "w", encoding="utf-8") as file:
                file.write(text)
        for name in SERVERS:
            builder = os.path.join(self.folder, "etc", name + ".builder")
            for arguments in (["create", "4", "1", "0"],
                              ["add", "r1z1-127.0.0.1:%d/sdb1" % self.ports[name], "1"], ["rebalance"]):
                done = subprocess.run([sys.executable, "-c", RING_BUILDER, builder]
                                      + arguments, capture_output=True, text=True, check=False)
                if done.returncode > 1:  # 1 is a warning.
                    raise RuntimeError("ring builder: " + done.stdout + done.stderr)

    def _start(self):
        user = ["-u", "root"] if os.geteuid() == 0 else []
        self._launch([self.memcached, "-l", "127.0.0.1", "-p", str(self.ports["memcached"]), "-U", "0", *user], "memcached")
        for name in SERVERS + ("proxy",):
            conf = os.path.join(self.folder, "etc", name + ".conf")
            self._launch([sys.executable, "-W", "ignore", "-c", RUN_SERVER, conf, name + "-server",
                          os.path.join(self.folder, "etc")], name)
        deadline = time.monotonic() + START_SECONDS
        for name, port in self.ports.items():
            while not self._answers(port):
                if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                    raise RuntimeError("%s did not start:\n%s" % (name, self.log(name)))
                time.sleep(0.1)

    def _launch(self, command, name):
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            self.processes.append(subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log))

    @staticmethod
    def _answers(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), errors="replace") as log:
            return log.read()[-2000:]
