// Whether what several clients saw could have come from one server that did one thing at a time.
//
// A history is a list of operations with the moments they began and ended; the checker looks for an order that keeps
// every operation between its two moments and in which a model of the data answers as the server did. The search is
// Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of configurations already
// tried.
//
// Thread-safety: pure functions.
// Limits: kClientsMax clients; histories are short (tens of operations), as the search is exponential in the worst
// case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cachenode {

// What the model holds: a few small things of each kind.
struct HistoryState {
  static constexpr size_t kThings = 2;

  int64_t registers[kThings] = {};
  int64_t counters[kThings] = {};
  std::vector<int64_t> lists[kThings];
  uint32_t sets[kThings] = {};  // A bit for each member 0..31.

  friend bool operator==(const HistoryState&, const HistoryState&) = default;
  [[nodiscard]] std::string Describe() const;
};

struct HistoryOperation {
  enum class Kind : uint8_t {
    kSet,            // register `thing` = value -> +OK
    kGet,            // -> its value
    kGetBoth,        // both registers at once
    kSetBoth,        // both registers = value
    kCompareAndSet,  // WATCH, GET, MULTI, SET, EXEC: `seen` was read; answers whether it was written
    kIncrement,      // counter += value -> new value
    kTransfer,       // counter -= value, the other += value -> both new values
    kPush,           // value to the tail of list `thing` -> new length
    kPop,            // head of list -> value or null
    kMove,           // head of list to the tail of the other -> value or null
    kAdd,            // member `value` to set -> 1 when it was new
    kRemove,         // -> 1 when it was there
    kCount,          // -> members
    // Scripts; some declare all keys they use, some one of two, some none.
    kScriptTransfer,  // as kTransfer
    kScriptExchange,  // register = value -> what it was
    kScriptPushBoth,  // value to the tails of both lists -> new lengths
    // They wait for an element; null when none came until the test moved its clock.
    kBlockingPop,     // head of list -> its name and the value, or null
    kBlockingPopAny,  // of this list, else of the other
    kBlockingMove,    // as kMove
    kFlush,           // everything is empty -> +OK
    kFoundNothing,    // The second half of a wait that ended with null: the lists it waited for are empty -> null
  };
  Kind kind = Kind::kGet;
  size_t thing = 0;
  int64_t value = 0;
  int64_t seen = 0;     // By kCompareAndSet; by kFoundNothing: 1 when it waited for both lists.
  size_t declared = 0;  // Of a script's keys.
  size_t client = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string reply;  // As DescribeReply writes it, of the part the model answers.
};

// Applies the operation and answers what a server would; for kCompareAndSet the reply that was seen, where possible.
std::string ApplyToModel(HistoryState& state, const HistoryOperation& operation);

// Finds such an order from `state` on whose outcome is `final_state`. `why` tells of the history otherwise.
bool IsLinearizable(const HistoryState& state, const std::vector<HistoryOperation>& history,
                    const HistoryState& final_state, std::string& why);

}  // namespace cachenode
