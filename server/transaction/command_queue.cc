#include "server/command_table.h"
#include "server/transaction/transaction_state.h"

namespace cachenode {

void CommandQueue::Append(const Command& command, Args args) {
  commands_.push_back({&command, ends_.size(), bytes_.size()});
  size_t bytes = bytes_.size() + args.size();
  for (const std::string_view argument : args) bytes += argument.size();
  bytes_.reserve(bytes);  // Grows as append does, but not for the byte behind a large argument once more.
  for (const std::string_view argument : args) {
    bytes_.append(argument);
    ends_.push_back(bytes_.size());
    bytes_.push_back('\0');
  }
  any_flags_ |= command.flags;
  all_flags_ &= command.flags;
}

void CommandQueue::Clear() {
  // A transaction is often followed by another of its kind; a huge one should not keep its room.
  constexpr size_t kKeptBytesMax = 16 * 1024;
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytesMax) bytes_.shrink_to_fit();
  ends_.clear();
  if (ends_.capacity() * sizeof(size_t) > kKeptBytesMax) ends_.shrink_to_fit();
  commands_.clear();
  if (commands_.capacity() * sizeof(Queued) > kKeptBytesMax) commands_.shrink_to_fit();
  any_flags_ = 0;
  all_flags_ = UINT32_MAX;
}

Args CommandQueue::ArgsOf(size_t index, std::vector<std::string_view>& scratch) const {
  const Queued& queued = commands_[index];
  const size_t last_end = index + 1 < commands_.size() ? commands_[index + 1].first_end : ends_.size();
  scratch.clear();
  size_t begin = queued.begin;
  for (size_t i = queued.first_end; i < last_end; ++i) {
    scratch.push_back(std::string_view(bytes_).substr(begin, ends_[i] - begin));
    begin = ends_[i] + 1;
  }
  return scratch;
}

size_t CommandQueue::MemoryBytes() const {
  return bytes_.capacity() + ends_.capacity() * sizeof(size_t) + commands_.capacity() * sizeof(Queued);
}

}  // namespace cachenode
