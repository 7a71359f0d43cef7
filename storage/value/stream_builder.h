// Builds a stream off its key from what RDB stores, trusting nothing of it.
//
// Order of calls: AddNode..., SetHistory, then for each group AddGroup, AddPending..., and for each of its consumers
//   AddConsumer, AddConsumerPending...; at last Finish. A builder that is not finished frees what it made.
// Thread-safety: one thread; Finish under the shard's lock.
// Errors: Err::kCorrupt with a text that says what is wrong with the bytes; Err::kOutOfMemory. After either the builder
//   is only good for being destroyed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/status.h"
#include "storage/key_slot.h"
#include "storage/value/stream_group.h"
#include "storage/value/stream_root.h"

namespace cachenode {

class StreamBuilder {
 public:
  StreamBuilder() noexcept = default;
  StreamBuilder(const StreamBuilder&) = delete;
  StreamBuilder& operator=(const StreamBuilder&) = delete;
  ~StreamBuilder();

  // A node as it lies in the file: ids above those of the node before.
  [[nodiscard]] Status AddNode(StreamId master, std::string_view listpack);
  // `length` as the file says it, to be checked. The first id is found, not believed.
  [[nodiscard]] Status SetHistory(uint64_t length, const StreamHistory& history);
  // The same for RDB type 15, which stores no more than this.
  [[nodiscard]] Status SetHistory(uint64_t length, StreamId last_id);

  [[nodiscard]] Status AddGroup(std::string_view name, StreamId last_id, std::optional<uint64_t> entries_read);
  // The same for RDB type 15: what the group read is estimated.
  [[nodiscard]] Status AddGroup(std::string_view name, StreamId last_id);
  [[nodiscard]] Status AddPending(StreamId id, int64_t delivered_at_ms, uint64_t deliveries);
  // `active_at_ms` is seen_at_ms where the file stores one time only.
  [[nodiscard]] Status AddConsumer(std::string_view name, int64_t seen_at_ms, int64_t active_at_ms);
  [[nodiscard]] Status AddConsumerPending(StreamId id);

  // Replaces what the key holds by the stream.
  [[nodiscard]] Status Finish(KeySlot& slot, Expiry expiry);

 private:
  [[nodiscard]] Status Prepare();
  [[nodiscard]] Status FinishGroup();

  StreamRoot* root_ = nullptr;  // Ours until Finish.
  StreamId last_node_id_;
  StreamGroup* group_ = nullptr;  // Being filled; the root's.
  size_t group_bytes_ = 0;        // As the root knows it.
  uint64_t unowned_count_ = 0;    // Of its pending entries.
  ConsumerNumber consumer_ = kNoConsumer;
};

}  // namespace cachenode
