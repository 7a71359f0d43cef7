# Shared by the stage scripts: sourced, never run.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1

passed=0 failed=0 skipped=0

fail() {
  failed=$((failed + 1))
  echo "FAIL $*"
}

skip() {
  skipped=$((skipped + 1))
  echo "SKIP $*"
}

# Prints the closing line and ends the stage with the exit code that fits it.
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
  exit
}

# The thread sanitizer of GCC 12 and Clang 14 fails at start where the kernel randomises more address bits than it
# knows of, so that programs built with it run without randomisation.
sanitizer_wrapper() {
  case "$1" in tsan*) echo "setarch $(uname -m) -R" ;; esac
}

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-second_deadlock_stack=1:history_size=4}"
