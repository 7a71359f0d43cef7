#include "persistence/rdb_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/rdb_reader.h"
#include "persistence/rdb_value_codec.h"
#include "persistence/rdb_writer.h"
#include "storage/access_context.h"
#include "storage/base/background_thread.h"
#include "storage/base/numbers.h"
#include "storage/base/quoting.h"

namespace cachenode {
namespace {

constexpr size_t kKeyBytesInErrorMax = 128;
constexpr int kStreamLengths = 3;       // Entry count, last id.
constexpr int kLaterStreamLengths = 8;  // And first id, greatest deleted id, entries ever added.

// Walks over a collection of any size without building it.
class ElementWalk {
 public:
  ElementWalk(RdbInput& input, RdbShape shape) noexcept : input_(input), shape_(shape) {}

  [[nodiscard]] bool WalkAll() {
    if (shape_ == RdbShape::kStream || shape_ == RdbShape::kStream2 || shape_ == RdbShape::kStream3) return Stream();
    if (shape_ == RdbShape::kHashTtl && !Skip(sizeof(int64_t))) return false;
    return Times([this] { return input_.Read([this](RdbCursor& at) { return at.SkipElement(shape_); }); });
  }

 private:
  template <typename One>
  [[nodiscard]] bool Times(One one) {
    uint64_t count = 0;
    if (!input_.ReadCount(count, 1)) return false;
    for (uint64_t i = 0; i < count; ++i) {
      if (!one()) return false;
    }
    return true;
  }
  [[nodiscard]] bool Skip(uint64_t bytes) {
    return input_.Read([bytes](RdbCursor& at) { return at.Skip(bytes); });
  }
  [[nodiscard]] bool Text() {
    return input_.Read([](RdbCursor& at) { return at.SkipString(); });
  }
  [[nodiscard]] bool Lengths(int count) {
    uint64_t ignored = 0;
    for (int i = 0; i < count; ++i) {
      if (!input_.ReadLength(ignored)) return false;
    }
    return true;
  }
  [[nodiscard]] bool Stream() {
    const bool first_form = shape_ == RdbShape::kStream;
    return Times([this] { return Text() && Text(); }) && Lengths(first_form ? kStreamLengths : kLaterStreamLengths) &&
           Times([this] { return Group(); });
  }
  [[nodiscard]] bool Group() {
    constexpr uint64_t kIdBytes = 16;
    constexpr uint64_t kTimeBytes = 8;
    const uint64_t times = shape_ == RdbShape::kStream3 ? 2 : 1;
    return Text() && Lengths(shape_ == RdbShape::kStream ? 2 : 3) &&
           Times([this] { return Skip(kIdBytes + kTimeBytes) && Lengths(1); }) && Times([this, times] {
             return Text() && Skip(times * kTimeBytes) && Times([this] { return Skip(kIdBytes); });
           });
  }

  RdbInput& input_;
  const RdbShape shape_;
};

class Checker final : public RdbObserver {
 public:
  explicit Checker(RdbSummary& summary) noexcept : summary_(summary) {}

  void OnAux(std::string_view name, std::string_view value) override {
    if (name == "redis-ver" || name == "valkey-ver") summary_.writer_version = value;
    if (name == "ctime") static_cast<void>(TryParseInt64(value, summary_.created_s));
    if (name == "used-mem") static_cast<void>(TryParseUint64(value, summary_.used_memory_bytes));
    if (name == kRdbAuxUsedMemory) static_cast<void>(TryParseUint64(value, summary_.needed_bytes));
  }
  void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
  Status OnFunction(std::string_view) override {
    ++summary_.function_count;
    return Status::Ok();
  }

  Status Check(RdbReader& reader, RdbBatch& batch) {
    for (const RdbRecord& record : batch.records) {
      Status status = batch.streamed ? CheckStreamed(reader, batch, record) : CheckValue(record);
      if (!status.ok()) return AtRecord(record, status);
      GiveWay();
      ++summary_.key_count;
      if (record.expire_at_ms != kRdbNoExpiry) ++summary_.expiring_count;
      ++summary_.keys_by_type[std::string(record.type->data_type)];
    }
    return Status::Ok();
  }

 private:
  Status CheckValue(const RdbRecord& record) {
    if (record.expire_at_ms < kRdbNoExpiry || record.expire_at_ms > kExpireAtMsMax) {
      return Status::WithText(Err::kCorrupt, fmt::format("impossible expiry {}", record.expire_at_ms));
    }
    if (record.type->type == RdbType::kString) return CheckString(record.value);
    RdbInput input(record.value);
    // A built value that nobody puts anywhere is dropped.
    Result<bool> built =
        LoadRdbCollection(*record.type, input, [](FunctionRef<Status(KeySlot&, Expiry)>) { return Status::Ok(); });
    return built ? Status::Ok() : built.error();
  }
  Status CheckString(std::string_view value) {
    RdbCursor cursor(value);
    RdbString text;
    if (!cursor.ReadString(text) || cursor.Left() != 0) return {Err::kCorrupt};
    if (text.form != RdbString::Form::kLzf || text.CopyTo(scratch_)) return Status::Ok();
    return Status::WithText(Err::kCorrupt, "the compressed string cannot be decompressed");
  }
  static Status CheckStreamed(RdbReader& reader, RdbBatch& batch, const RdbRecord& record) {
    StreamedValue window(reader, batch);
    RdbInput input(record.value, window);
    if (!ElementWalk(input, record.type->shape).WalkAll()) return input.TakeStatus();
    window.End(input);
    return Status::Ok();
  }
  [[nodiscard]] static Status AtRecord(const RdbRecord& record, const Status& cause) {
    std::string key;
    AppendQuoted(key, record.key.substr(0, kKeyBytesInErrorMax));
    const std::string_view reason = cause.text().empty() ? "the value is damaged" : cause.text();
    return Status::WithText(cause.code(),
                            fmt::format("offset {}: key {} ({}): {}", record.offset, key, record.type->name, reason));
  }

  RdbSummary& summary_;
  std::string scratch_;
};

// Passes the bytes on and remembers the last ones: the stored checksum is not the reader's to tell.
class TailSource final : public ByteSource {
 public:
  explicit TailSource(ByteSource& source) noexcept : source_(source) {}
  Result<size_t> Read(std::span<char> into) override {
    Result<size_t> got = source_.Read(into);
    if (!got) return got;
    const std::string_view piece(into.data(), *got);
    tail_.append(piece.substr(piece.size() - std::min(piece.size(), kRdbChecksumBytes)));
    if (tail_.size() > kRdbChecksumBytes) tail_.erase(0, tail_.size() - kRdbChecksumBytes);
    size_bytes_ += *got;
    return got;
  }
  [[nodiscard]] int64_t SizeBytes() const override { return source_.SizeBytes(); }
  [[nodiscard]] uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] bool EndsWithZeros() const noexcept { return tail_.find_first_not_of('\0') == std::string::npos; }

 private:
  ByteSource& source_;
  std::string tail_;
  uint64_t size_bytes_ = 0;
};

}  // namespace

Result<RdbSummary> CheckRdb(ByteSource& source, const RdbCheckOptions& how) {
  RdbSummary summary;
  Checker checker(summary);
  TailSource counted(source);
  RdbReaderOptions options;
  options.streamed_value_bytes = how.decoded_bytes_max;
  options.block_bytes = how.block_bytes;
  options.version_check = how.version_check;
  options.verify_checksum = how.verify_checksum;
  options.database_count = how.database_count;
  options.unsupported = how.unsupported;
  RdbReader reader(counted, checker, options);
  if (Status status = reader.ReadHeader(); !status.ok()) return status;
  summary.version = reader.version();
  summary.is_valkey = reader.dialect() == RdbDialect::kValkey;
  RdbBatch batch;
  for (;;) {
    if (how.stop != nullptr && how.stop->load(std::memory_order_relaxed)) return Err::kCancelled;
    Result<bool> more = reader.ReadBatch(batch);
    if (!more) return more.error();
    if (Status status = checker.Check(reader, batch); !status.ok()) return status;
    if (!*more) break;
  }
  char beyond = 0;
  Result<size_t> rest = counted.Read(std::span(&beyond, 1));
  if (!rest) return rest.error();
  if (how.refuses_rest && counted.size_bytes() != reader.bytes_read())
    return Status::WithText(Err::kCorrupt, "there are bytes behind the end of the file");
  summary.size_bytes = counted.size_bytes();
  summary.checksum = reader.checksum();
  summary.has_stored_checksum = summary.version >= kRdbFirstChecksumVersion && !counted.EndsWithZeros();
  return summary;
}

}  // namespace cachenode
