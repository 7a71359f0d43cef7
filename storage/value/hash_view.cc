// Reading hashes, and what the keyspace does with them.
#include <algorithm>

#include "storage/base/byte_block.h"
#include "storage/key_slot.h"
#include "storage/value/hash_packed.h"
#include "storage/value/hash_value.h"

namespace cachenode {
namespace {

constexpr bool HoldsTriples(Encoding encoding) noexcept { return (encoding & 2U) != 0; }

void ReadRecord(const PackedRecord& record, HashField& field) noexcept {
  const RecordField read = ReadRecordField(record.payload);
  field = {record.key, read.value, read.deadline_ms};
}

}  // namespace

HashView HashView::Of(const KeySlot& slot) noexcept { return {slot.encoding(), slot.RawValue().data()}; }

const PackedTable& HashView::Table() const noexcept { return *static_cast<const PackedTable*>(LoadRoot(value_)); }

const char* HashView::PackedBytes() const noexcept {
  return IsPackedInline(encoding_) ? value_ : LoadBlock(value_)->data();
}

std::string_view HashView::Listpack() const noexcept {
  return ListpackView(PackedBytes() + (IsTriples() ? kPackedEarliestBytes : 0)).bytes();
}

size_t HashView::Count() const noexcept {
  return IsPacked() ? PackedHash(PackedBytes(), IsTriples()).Count() : static_cast<size_t>(Table().count());
}

int64_t HashView::EarliestDeadlineMs() const noexcept {
  if (!IsPacked()) {
    const int64_t earliest_ms = Table().deadlines().earliest_ms;
    return earliest_ms < 0 ? kNoFieldDeadline : earliest_ms;
  }
  return IsTriples() ? LoadPackedEarliest(PackedBytes()) : kNoFieldDeadline;
}

size_t HashView::LiveCount(int64_t now_ms) const {
  if (EarliestDeadlineMs() > now_ms) return Count();
  size_t count = 0;
  ForEach([&](const HashField& field) {
    count += !field.IsExpired(now_ms);
    return true;
  });
  return count;
}

bool HashView::Find(std::string_view name, HashField& field, HashScratch& scratch) const noexcept {
  if (!IsPacked()) {
    const PackedRecord record = Table().Find(name);
    if (!record) return false;
    ReadRecord(record, field);
    return true;
  }
  const PackedHash packed(PackedBytes(), IsTriples());
  const PackedHash::Offset at = packed.Find(name);
  if (at == packed.End()) return false;
  field.name = name;
  packed.ReadRest(at, field, scratch);
  return true;
}

void HashView::ForEach(FunctionRef<bool(const HashField&)> visit) const {
  HashField field;
  if (!IsPacked()) {
    Table().ForEach([&](const PackedRecord& record) {
      ReadRecord(record, field);
      return visit(field);
    });
    return;
  }
  const PackedHash packed(PackedBytes(), IsTriples());
  HashScratch scratch;
  for (PackedHash::Offset at = packed.Begin(); at != packed.End();) {
    at = packed.Read(at, field, scratch);
    if (!visit(field)) return;
  }
}

void HashView::RandomField(Random& random, HashField& field, HashScratch& scratch) const {
  if (!IsPacked()) {
    ReadRecord(Table().RandomRecord(random), field);
    return;
  }
  const PackedHash packed(PackedBytes(), IsTriples());
  packed.Read(packed.SeekField(random.Below(packed.Count())), field, scratch);
}

uint64_t HashView::Scan(uint64_t cursor, size_t count, FunctionRef<void(const HashField&)> visit) const {
  HashField field;
  if (!IsPacked()) {
    return Table().Scan(cursor, count, [&](const PackedRecord& record) {
      ReadRecord(record, field);
      visit(field);
    });
  }
  ForEach([&](const HashField& each) {
    visit(each);
    return true;
  });
  return 0;
}

// --- What the keyspace does with hashes -----------------------------------------------------------------------------

namespace {

PackedTable* TableOf(const char* value) noexcept { return static_cast<PackedTable*>(LoadRoot(value)); }

size_t InlineBytes(Encoding encoding, const char* value) noexcept {
  if (!IsPackedInline(encoding)) return sizeof(void*);
  const size_t before = HoldsTriples(encoding) ? kPackedEarliestBytes : 0;
  return before + ListpackView::TotalBytes(value + before);
}

size_t ExternalBytes(Encoding encoding, const char* value) noexcept {
  if (IsPackedInline(encoding)) return 0;
  return IsLarge(encoding) ? TableOf(value)->memory_bytes() : LoadBlock(value)->MemoryBytes();
}

void FreeExternal(Encoding encoding, char* value) noexcept {
  if (IsPackedInline(encoding)) return;
  if (IsLarge(encoding)) {
    PackedTable::Drop(TableOf(value));
  } else {
    LoadBlock(value)->DropRef();
  }
}

void Share(Encoding encoding, const char* value) noexcept {
  if (IsPackedInline(encoding)) return;
  if (IsLarge(encoding)) {
    TableOf(value)->AddRef();
  } else {
    LoadBlock(value)->AddRef();
  }
}

// Blocks and tables with more than one owner are copied by whoever changes them first.
bool Clone(Encoding encoding, const char* value, char* out) noexcept {
  std::memcpy(out, value, InlineBytes(encoding, value));
  Share(encoding, value);
  return true;
}

size_t ExternalBlocks(Encoding encoding, const char* value) noexcept {
  if (IsPackedInline(encoding)) return 0;
  return IsLarge(encoding) ? TableOf(value)->block_count() : 1;
}

std::string_view EncodingName(Encoding encoding, const char* /*value*/) noexcept {
  if (IsLarge(encoding)) return "hashtable";
  return HoldsTriples(encoding) ? "listpackex" : "listpack";
}

}  // namespace

constinit const ValueOps kHashOps = {InlineBytes, ExternalBytes,  FreeExternal, Clone,
                                     Share,       ExternalBlocks, EncodingName};

}  // namespace cachenode
