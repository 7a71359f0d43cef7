#include "tests/support/server/history.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

namespace cachenode {
namespace {

using Kind = HistoryOperation::Kind;

constexpr std::string_view kNames[] = {"set",
                                       "get",
                                       "get-both",
                                       "set-both",
                                       "compare-and-set",
                                       "increment",
                                       "transfer",
                                       "push",
                                       "pop",
                                       "move",
                                       "add",
                                       "remove",
                                       "count",
                                       "transfer by script",
                                       "exchange by script",
                                       "push to both by script",
                                       "blocking pop",
                                       "blocking pop of any",
                                       "blocking move",
                                       "flush",
                                       "found nothing"};

std::string Integer(int64_t value) { return ":" + std::to_string(value); }
std::string Bulk(int64_t value) { return "$'" + std::to_string(value) + "'"; }

std::string PopFrom(std::vector<int64_t>& list, std::string_view null) {
  if (list.empty()) return std::string(null);
  const std::string reply = Bulk(list.front());
  list.erase(list.begin());
  return reply;
}

std::string Move(HistoryState& state, size_t from, std::string_view null) {
  std::vector<int64_t>& source = state.lists[from];
  if (source.empty()) return std::string(null);
  const int64_t value = source.front();
  source.erase(source.begin());
  state.lists[1 - from].push_back(value);
  return Bulk(value);
}

std::string Pair(const std::string& first, const std::string& second) { return "*2[" + first + " " + second + "]"; }

std::string Transfer(HistoryState& state, size_t from, int64_t value) {
  state.counters[from] -= value;
  state.counters[1 - from] += value;
  return Pair(Integer(state.counters[from]), Integer(state.counters[1 - from]));
}

std::string Push(std::vector<int64_t>& list, int64_t value) {
  list.push_back(value);
  return Integer(static_cast<int64_t>(list.size()));
}

std::string PopWithName(HistoryState& state, size_t thing) {
  std::vector<int64_t>& list = state.lists[thing];
  return list.empty() ? "*-1" : Pair("$'l" + std::to_string(thing) + "'", PopFrom(list, {}));
}

// Of two lists that one script pushed to, the one it pushed to first serves who waited for both, so either may.
std::string PopFromAny(HistoryState& state, size_t thing, const std::string& reply) {
  if (reply == "*-1") return state.lists[thing].empty() && state.lists[1 - thing].empty() ? reply : "something";
  return PopWithName(state, reply.starts_with("*2[$'l" + std::to_string(thing)) ? thing : 1 - thing);
}

std::string ChangeMember(uint32_t& set, int64_t member, bool add) {
  const uint32_t bit = 1U << member;
  const bool changes = ((set & bit) != 0) != add;
  set = add ? set | bit : set & ~bit;
  return Integer(changes ? 1 : 0);
}

// The search: `next` is, for each client, the first of its operations that is not placed yet.
class Search {
 public:
  Search(const std::vector<HistoryOperation>& history, const HistoryState& final_state) : final_state_(final_state) {
    for (const HistoryOperation& operation : history) {
      if (operation.client >= clients_.size()) clients_.resize(operation.client + 1);
      clients_[operation.client].push_back(&operation);
    }
    next_.resize(clients_.size());
  }

  bool Run(const HistoryState& state) {
    if (IsTried(state)) return false;
    uint64_t first_end = std::numeric_limits<uint64_t>::max();
    bool any_left = false;
    for (size_t client = 0; client < clients_.size(); ++client) {
      if (next_[client] == clients_[client].size()) continue;
      any_left = true;
      first_end = std::min(first_end, clients_[client][next_[client]]->end);
    }
    if (!any_left) return state == final_state_;
    for (size_t client = 0; client < clients_.size(); ++client) {
      if (next_[client] == clients_[client].size()) continue;
      const HistoryOperation& operation = *clients_[client][next_[client]];
      // Whatever ended before this one began must be placed before it.
      if (operation.begin > first_end) continue;
      HistoryState after = state;
      if (ApplyToModel(after, operation) != operation.reply) continue;
      ++next_[client];
      if (Run(after)) return true;
      --next_[client];
    }
    return false;
  }

 private:
  // Remembers the configuration; true when it was met before.
  bool IsTried(const HistoryState& state) {
    std::string key(reinterpret_cast<const char*>(next_.data()), next_.size() * sizeof(next_[0]));
    key.append(state.Describe());
    return !tried_.insert(std::move(key)).second;
  }

  const HistoryState& final_state_;
  std::vector<std::vector<const HistoryOperation*>> clients_;
  std::vector<size_t> next_;
  std::unordered_set<std::string> tried_;
};

}  // namespace

std::string HistoryState::Describe() const {
  std::string text;
  for (size_t i = 0; i < kThings; ++i) {
    text.append(" register ").append(std::to_string(registers[i]));
    text.append(" counter ").append(std::to_string(counters[i]));
    text.append(" set ").append(std::to_string(sets[i])).append(" list");
    for (const int64_t value : lists[i]) text.append(" ").append(std::to_string(value));
  }
  return text;
}

std::string ApplyToModel(HistoryState& state, const HistoryOperation& operation) {
  const size_t thing = operation.thing;
  const size_t other = 1 - thing;
  switch (operation.kind) {
    case Kind::kSet:
      state.registers[thing] = operation.value;
      return "+OK";
    case Kind::kGet:
      return Bulk(state.registers[thing]);
    case Kind::kGetBoth:
      return Pair(Bulk(state.registers[0]), Bulk(state.registers[1]));
    case Kind::kSetBoth:
      state.registers[0] = state.registers[1] = operation.value;
      return "+OK";
    case Kind::kCompareAndSet:
      // A refusal says nothing: the key may have been written with the same value.
      if (operation.reply == "*-1") return "*-1";
      if (state.registers[thing] != operation.seen) return "stale";
      state.registers[thing] = operation.value;
      return "*1[+OK]";
    case Kind::kIncrement:
      state.counters[thing] += operation.value;
      return Integer(state.counters[thing]);
    case Kind::kTransfer:
    case Kind::kScriptTransfer:
      return Transfer(state, thing, operation.value);
    case Kind::kPush:
      return Push(state.lists[thing], operation.value);
    case Kind::kPop:
      return PopFrom(state.lists[thing], "$-1");
    case Kind::kMove:
      return Move(state, thing, "$-1");
    case Kind::kAdd:
    case Kind::kRemove:
      return ChangeMember(state.sets[thing], operation.value, operation.kind == Kind::kAdd);
    case Kind::kCount:
      return Integer(__builtin_popcount(state.sets[thing]));
    case Kind::kScriptExchange:
      return Bulk(std::exchange(state.registers[thing], operation.value));
    case Kind::kScriptPushBoth: {
      const std::string first = Push(state.lists[thing], operation.value);
      return Pair(first, Push(state.lists[other], operation.value));
    }
    case Kind::kBlockingPop:
      return PopWithName(state, thing);
    case Kind::kBlockingPopAny:
      return PopFromAny(state, thing, operation.reply);
    case Kind::kBlockingMove:
      return Move(state, thing, "*-1");
    case Kind::kFlush:
      state = HistoryState();
      return "+OK";
    case Kind::kFoundNothing:
      return state.lists[thing].empty() && (operation.seen == 0 || state.lists[other].empty()) ? "*-1" : "something";
  }
  return {};
}

bool IsLinearizable(const HistoryState& state, const std::vector<HistoryOperation>& history,
                    const HistoryState& final_state, std::string& why) {
  if (Search(history, final_state).Run(state)) return true;
  why = "before:" + state.Describe() + "\nafter: " + final_state.Describe() + "\n";
  for (const HistoryOperation& operation : history) {
    why.append("client ").append(std::to_string(operation.client)).append(" [");
    why.append(std::to_string(operation.begin)).append(", ").append(std::to_string(operation.end)).append("] ");
    why.append(kNames[static_cast<size_t>(operation.kind)]).append(" ").append(std::to_string(operation.thing));
    why.append(" ").append(std::to_string(operation.value)).append(" -> ").append(operation.reply).append("\n");
  }
  return false;
}

}  // namespace cachenode
