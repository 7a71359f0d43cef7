#include "server/key_spec.h"

#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

// The argument position where the search of `spec` begins, or -1 when the keyword is absent.
int64_t BeginOf(const KeySpec& spec, Args args) {
  const auto count = static_cast<int64_t>(args.size());
  if (spec.begin == KeySpec::Begin::kIndex) return spec.begin_index;
  const bool forward = spec.begin_index >= 0;
  int64_t at = forward ? spec.begin_index : count + spec.begin_index;
  const int64_t end = forward ? count - 1 : 0;
  for (; at != end && at > 0 && at < count; at += forward ? 1 : -1) {
    if (EqualsIgnoreCase(args[static_cast<size_t>(at)], spec.keyword)) return at + 1;
  }
  return -1;
}

struct KeyRange {
  int64_t first;
  int64_t last;
  int64_t step;
};

KeyRange RangeOf(const KeySpec& spec, int64_t begin, int64_t count) {
  int64_t last = 0;
  if (spec.last_key >= 0) {
    last = begin + spec.last_key;
  } else if (spec.limit <= 1) {
    last = count + spec.last_key;
  } else {
    last = begin + ((count - begin) / spec.limit + spec.last_key);
  }
  return {begin, last, spec.step};
}

// False when the count argument is no number.
bool CountedRangeOf(const KeySpec& spec, int64_t begin, Args args, KeyRange& range) {
  const int64_t at = begin + spec.limit;
  if (at >= static_cast<int64_t>(args.size())) return false;
  const Result<int64_t> number = ParseInt64(args[static_cast<size_t>(at)]);
  if (!number || *number < 0 || *number > static_cast<int64_t>(args.size())) return false;
  const int64_t first = begin + spec.last_key;
  range = {first, first + (*number - 1) * spec.step, spec.step};
  return true;
}

}  // namespace

KeySearch FindKeys(const KeySpecs& specs, Args args, std::vector<KeyPosition>& positions) {
  positions.clear();
  KeySearch outcome = KeySearch::kFound;
  const auto count = static_cast<int64_t>(args.size());
  for (const KeySpec& spec : specs.all()) {
    if ((spec.flags & kKeyNotKey) != 0) continue;
    if ((spec.flags & kKeyIncomplete) != 0) outcome = KeySearch::kIncomplete;
    if (spec.begin == KeySpec::Begin::kUnknown || spec.find == KeySpec::Find::kUnknown) {
      outcome = KeySearch::kIncomplete;
      continue;
    }
    const int64_t begin = BeginOf(spec, args);
    if (begin < 0) continue;
    KeyRange range = RangeOf(spec, begin, count);
    if (spec.find == KeySpec::Find::kKeyNumber && !CountedRangeOf(spec, begin, args, range)) return KeySearch::kInvalid;
    if (range.last < range.first) {
      // A count of 0 behind a destination: refused by the command itself.
      if (spec.find == KeySpec::Find::kKeyNumber && !positions.empty()) return KeySearch::kInvalid;
      if (outcome == KeySearch::kFound) outcome = KeySearch::kPartly;
      continue;
    }
    if (range.last >= count) return KeySearch::kInvalid;
    for (int64_t at = range.first; at <= range.last; at += range.step) {
      positions.push_back({static_cast<uint32_t>(at), spec.flags});
    }
  }
  return outcome;
}

}  // namespace cachenode
