// Streams from RDB, in the three forms that differ by what they remember.
#include "persistence/rdb_value_decoders.h"
#include "storage/base/bytes.h"
#include "storage/value/stream_builder.h"

namespace cachenode {
namespace {

constexpr uint64_t kEntriesReadUnknown = UINT64_MAX;
constexpr uint64_t kNodeBytesMin = 2;
constexpr uint64_t kGroupBytesMin = 5;
constexpr uint64_t kPendingBytesMin = kStreamIdBytes + sizeof(int64_t) + 1;
constexpr uint64_t kConsumerBytesMin = 1 + sizeof(int64_t) + 1;

class StreamDecoder {
 public:
  StreamDecoder(RdbShape shape, RdbInput& input) noexcept : shape_(shape), input_(input) {}

  Status ReadAll() {
    if (Status status = ReadNodes(); !status.ok()) return status;
    if (Status status = ReadHistory(); !status.ok()) return status;
    uint64_t group_count = 0;
    if (!input_.ReadCount(group_count, kGroupBytesMin)) return input_.TakeStatus();
    for (uint64_t i = 0; i < group_count; ++i) {
      if (Status status = ReadGroup(); !status.ok()) return status;
    }
    return Status::Ok();
  }
  [[nodiscard]] StreamBuilder& builder() noexcept { return builder_; }

 private:
  static bool ReadId(RdbCursor& at, StreamId& id) { return at.ReadLength(id.ms) && at.ReadLength(id.seq); }
  static bool ReadRawId(RdbCursor& at, StreamId& id) {
    const char* const bytes = at.Here();
    if (!at.Skip(kStreamIdBytes)) return false;
    id = LoadStreamId(bytes);
    return true;
  }

  Status ReadNodes() {
    uint64_t count = 0;
    if (!input_.ReadCount(count, kNodeBytesMin)) return input_.TakeStatus();
    for (uint64_t i = 0; i < count; ++i) {
      RdbString master;
      RdbString listpack;
      if (!input_.Read([&](RdbCursor& at) { return at.ReadString(master) && at.ReadString(listpack); })) {
        return input_.TakeStatus();
      }
      std::string_view id;
      std::string_view bytes;
      if (!master.View(master_scratch_, id) || !listpack.View(scratch_, bytes)) {
        return Status::WithText(Err::kCorrupt, "a compressed string cannot be decompressed");
      }
      if (id.size() != kStreamIdBytes) {
        return Status::WithText(Err::kCorrupt, "the id of a stream's node is not 16 bytes long");
      }
      if (Status status = builder_.AddNode(LoadStreamId(id.data()), bytes); !status.ok()) {
        return BuilderError(std::move(status), IntegrityFailure("Stream", PackedForm::kListpack));
      }
    }
    return Status::Ok();
  }

  Status ReadHistory() {
    uint64_t length = 0;
    StreamHistory history;
    const bool read = input_.Read([&](RdbCursor& at) {
      if (!at.ReadLength(length) || !ReadId(at, history.last_id)) return false;
      return IsOldest() || (ReadId(at, history.first_id) && ReadId(at, history.max_deleted_id) &&
                            at.ReadLength(history.entries_added));
    });
    if (!read) return input_.TakeStatus();
    return IsOldest() ? builder_.SetHistory(length, history.last_id) : builder_.SetHistory(length, history);
  }

  Status ReadGroup() {
    RdbString name;
    StreamId last_id;
    uint64_t entries_read = kEntriesReadUnknown;
    const bool read = input_.Read([&](RdbCursor& at) {
      return at.ReadString(name) && ReadId(at, last_id) && (IsOldest() || at.ReadLength(entries_read));
    });
    if (!read) return input_.TakeStatus();
    std::string_view text;
    if (!name.View(scratch_, text)) {
      return Status::WithText(Err::kCorrupt, "a compressed string cannot be decompressed");
    }
    std::optional<uint64_t> known;
    if (entries_read != kEntriesReadUnknown) known = entries_read;
    Status status = IsOldest() ? builder_.AddGroup(text, last_id) : builder_.AddGroup(text, last_id, known);
    if (!status.ok()) return status;
    if (status = ReadPending(); !status.ok()) return status;
    uint64_t consumer_count = 0;
    if (!input_.ReadCount(consumer_count, kConsumerBytesMin)) return input_.TakeStatus();
    for (uint64_t i = 0; i < consumer_count; ++i) {
      if (status = ReadConsumer(); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Status ReadPending() {
    uint64_t count = 0;
    if (!input_.ReadCount(count, kPendingBytesMin)) return input_.TakeStatus();
    for (uint64_t i = 0; i < count; ++i) {
      StreamId id;
      int64_t delivered_at_ms = 0;
      uint64_t deliveries = 0;
      const bool read = input_.Read([&](RdbCursor& at) {
        return ReadRawId(at, id) && at.ReadInt64(delivered_at_ms) && at.ReadLength(deliveries);
      });
      if (!read) return input_.TakeStatus();
      if (Status status = builder_.AddPending(id, delivered_at_ms, deliveries); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Status ReadConsumer() {
    RdbString name;
    int64_t seen_at_ms = 0;
    int64_t active_at_ms = 0;
    const bool read = input_.Read([&](RdbCursor& at) {
      return at.ReadString(name) && at.ReadInt64(seen_at_ms) &&
             (shape_ != RdbShape::kStream3 || at.ReadInt64(active_at_ms));
    });
    if (!read) return input_.TakeStatus();
    if (shape_ != RdbShape::kStream3) active_at_ms = seen_at_ms;
    std::string_view text;
    if (!name.View(scratch_, text)) {
      return Status::WithText(Err::kCorrupt, "a compressed string cannot be decompressed");
    }
    if (Status status = builder_.AddConsumer(text, seen_at_ms, active_at_ms); !status.ok()) return status;
    return ReadConsumerPending();
  }

  Status ReadConsumerPending() {
    uint64_t count = 0;
    if (!input_.ReadCount(count, kStreamIdBytes)) return input_.TakeStatus();
    for (uint64_t i = 0; i < count; ++i) {
      StreamId id;
      if (!input_.Read([&id](RdbCursor& at) { return ReadRawId(at, id); })) return input_.TakeStatus();
      if (Status status = builder_.AddConsumerPending(id); !status.ok()) return status;
    }
    return Status::Ok();
  }

  [[nodiscard]] bool IsOldest() const noexcept { return shape_ == RdbShape::kStream; }

  const RdbShape shape_;
  RdbInput& input_;
  StreamBuilder builder_;
  std::string master_scratch_;
  std::string scratch_;
};

}  // namespace

Result<bool> DecodeRdbStream(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  StreamDecoder decoder(type.shape, input);
  Status status = decoder.ReadAll();
  if (!status.ok()) return status;
  status = install([&decoder](KeySlot& slot, Expiry expiry) { return decoder.builder().Finish(slot, expiry); });
  if (!status.ok()) return status;
  return true;
}

}  // namespace cachenode
