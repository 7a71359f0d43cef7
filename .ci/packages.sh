# The Debian packages that Cachenode is built, run and tested with. Sourced by ./run and ./test.
#
# install_packages <set>... installs what is missing of the sets, and says nothing when nothing is.

packages_run="g++ cmake ninja-build pkg-config ca-certificates
  libuv1-dev liburing-dev libjemalloc-dev libssl-dev libcurl4-openssl-dev liblzf-dev libxxhash-dev libfmt-dev
  libluajit-5.1-dev lua-cjson-dev libmicrohttpd-dev nlohmann-json3-dev"

# redis-tools holds the reference server as well: redis-server is a link to its redis-check-rdb, and the package
# redis-server would only add a service that takes the port.
packages_test="ccache mold python3 libgtest-dev libgmock-dev clang-format-14 redis-tools tcl tcl-tls dpkg-dev procps
  openssl awscli python3-swift"

packages_full="clang-14 clang-tidy-14 lld-14 libclang-rt-14-dev llvm-14 libmimalloc-dev libbenchmark-dev valgrind"

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local set name wanted="" missing
  for set in "$@"; do
    name="packages_$set"
    wanted="$wanted ${!name}"
  done
  # shellcheck disable=SC2086  # The lists are words.
  missing=$(missing_packages $wanted | tr '\n' ' ')
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" != 0 ]; then
    echo "$0: these Debian packages are missing: $missing" >&2
    echo "$0: only root can install them. Run once as root:  apt-get install --no-install-recommends $missing" >&2
    return 1
  fi
  echo "Installing Debian packages: $missing" >&2
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086
  if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing; } \
    >"$log" 2>&1 </dev/null; then
    tail -20 "$log" >&2
    echo "$0: apt-get failed; the whole output is in $log" >&2
    return 1
  fi
  rm -f "$log"
}
