// The decoders of RDB values on hostile bytes: a value is refused, or it becomes a key that can be walked, written and
// read again; and it makes no difference whether its bytes lie in memory or come through a window.
// Input: type byte, a byte that picks dialect and window size, the value as it lies in a file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "persistence/rdb_value_codec.h"
#include "storage/keyspace.h"

namespace cachenode {
namespace {

// A window of a few bytes over bytes in memory.
class NarrowWindow final : public RdbWindow {
 public:
  NarrowWindow(std::string_view bytes, size_t width) noexcept : bytes_(bytes), width_(width) {}
  [[nodiscard]] std::string_view Head() noexcept {
    end_ = std::min(width_, bytes_.size());
    return bytes_.substr(0, end_);
  }
  Result<std::string_view> Slide(size_t consumed, uint64_t wanted) override {
    begin_ += consumed;
    const size_t target = begin_ + std::max<size_t>(static_cast<size_t>(wanted), width_);
    if (end_ == bytes_.size()) return Status::WithText(Err::kCorrupt, "the file ends inside the value");
    end_ = std::min(std::max(target, end_ + 1), bytes_.size());
    return bytes_.substr(begin_, end_ - begin_);
  }
  [[nodiscard]] uint64_t BytesBehind() const noexcept override { return bytes_.size() - end_; }

 private:
  std::string_view bytes_;
  size_t width_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

class Target {
 public:
  Target() : keyspace_(Options()) { context_.SetNow(1'700'000'000'000); }

  // Whether the value is now at `key`.
  bool Load(const RdbTypeInfo& type, RdbInput& input, std::string_view key) {
    KeySlot slot = keyspace_.Locate(0, key, context_);
    const Result<bool> loaded = LoadRdbCollection(
        type, input,
        [&slot](FunctionRef<Status(KeySlot&, Expiry)> put) -> Status { return put(slot, Expiry::kClear); });
    if (!loaded && loaded.status().code() == Err::kCorrupt && loaded.status().text().empty()) std::abort();
    if (slot.Exists() != (loaded.ok() && *loaded)) std::abort();
    return slot.Exists();
  }
  // The value of a key survives being written and read.
  void RoundTrip(std::string_view key) {
    const std::string payload = DumpPayload(keyspace_.Locate(0, key, context_).View(), RdbCompression::kLzf);
    const Result<RdbPayload> parsed = ParseDumpPayload(payload);
    if (!parsed) std::abort();
    KeySlot copy = keyspace_.Locate(0, "copy", context_);
    std::string why;
    if (!WriteRdbPayload(*parsed, copy, Expiry::kClear, why).ok()) std::abort();
    copy.Erase();
  }
  void Erase(std::string_view key) { keyspace_.Locate(0, key, context_).Erase(); }

 private:
  static KeyspaceOptions Options() {
    KeyspaceOptions options;
    options.shard_count = 1;
    options.database_count = 1;
    options.arena_reserve_bytes = size_t{64} << 20;
    return options;
  }

  Keyspace keyspace_;
  AccessContext context_;
};

void Decode(uint8_t type_byte, uint8_t choice, std::string_view value) {
  static Target target;
  const RdbTypeInfo* type = FindRdbType(type_byte, choice % 2 == 0 ? RdbDialect::kRedis : RdbDialect::kValkey);
  if (type == nullptr || type->type == RdbType::kString) return;
  RdbInput whole(value);
  const bool loaded = target.Load(*type, whole, "whole");
  if (loaded) target.RoundTrip("whole");
  NarrowWindow window(value, size_t{1} << (choice >> 1) % 8);
  RdbInput narrow(window.Head(), window);
  if (target.Load(*type, narrow, "narrow") != loaded) std::abort();
  if (!loaded) return;
  target.Erase("whole");
  target.Erase("narrow");
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  cachenode::Decode(data[0], data[1], {reinterpret_cast<const char*>(data) + 2, size - 2});
  return 0;
}
