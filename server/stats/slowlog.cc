#include "server/stats/slowlog.h"

#include <algorithm>
#include <utility>

namespace cachenode {
namespace {

// Redis' notation for what an entry leaves out; clients show it as it is.
std::string Shortened(std::string_view argument) {
  if (argument.size() <= SlowLog::kArgumentBytesMax) return std::string(argument);
  const size_t rest = argument.size() - SlowLog::kArgumentBytesMax;
  std::string text(argument.substr(0, SlowLog::kArgumentBytesMax));
  return text.append("... (").append(std::to_string(rest)).append(" more bytes)");
}

std::vector<std::string> ShortenedAll(Args args) {
  std::vector<std::string> kept;
  const bool all = args.size() <= SlowLog::kArgumentsMax;
  const size_t count = all ? args.size() : SlowLog::kArgumentsMax - 1;
  kept.reserve(count + 1);
  for (const std::string_view argument : args.first(count)) kept.push_back(Shortened(argument));
  if (!all) kept.push_back("... (" + std::to_string(args.size() - count) + " more arguments)");
  return kept;
}

}  // namespace

void SlowLog::Add(const Request& request, size_t max_length) {
  if (max_length == 0) return;
  SlowlogEntry entry{.id = 0,
                     .time_s = request.time_s,
                     .amount = request.amount,
                     .arguments = ShortenedAll(request.args),
                     .peer_address = std::string(request.peer_address),
                     .client_name = std::string(request.client_name)};
  const std::lock_guard<std::mutex> guard(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  while (entries_.size() > max_length) entries_.pop_back();
}

std::vector<SlowlogEntry> SlowLog::Newest(int64_t count) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const size_t wanted = count < 0 ? entries_.size() : std::min(entries_.size(), static_cast<size_t>(count));
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(wanted)};
}

size_t SlowLog::Size() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return entries_.size();
}

void SlowLog::Clear() {
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
}

}  // namespace cachenode
