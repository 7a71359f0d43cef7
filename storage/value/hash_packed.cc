#include "storage/value/hash_packed.h"

namespace cachenode {
namespace {

// How a deadline stands in a triple.
constexpr int64_t StoredDeadline(int64_t deadline_ms) noexcept { return deadline_ms < 0 ? 0 : deadline_ms; }

// The other way round. Other writers may have stored the number as text.
int64_t DeadlineOf(const ListpackElement& element) noexcept {
  const int64_t stored = element.is_integer ? element.number : ParseListpackInteger(element.text).value_or(0);
  return stored <= 0 ? -1 : stored;
}

}  // namespace

PackedHash::Offset PackedHash::ReadRest(Offset at, HashField& field, HashScratch& scratch) const noexcept {
  const Offset value_at = list_.Next(at);
  field.value = list_.At(value_at).Read(scratch.value);
  const Offset behind = list_.Next(value_at);
  if (width_ == 2) {
    field.expire_at_ms = -1;
    return behind;
  }
  field.expire_at_ms = DeadlineOf(list_.At(behind));
  return list_.Next(behind);
}

PackedHash::Offset PackedHash::NextField(Offset at) const noexcept {
  for (int i = 0; i < width_; ++i) at = list_.Next(at);
  return at;
}

int64_t PackedHash::DeadlineAt(Offset at) const noexcept { return DeadlineOf(list_.At(list_.Next(list_.Next(at)))); }

PackedHash::Offset PackedHash::PlaceFor(int64_t deadline_ms) const noexcept {
  if (deadline_ms < 0) return End();
  Offset at = Begin();
  while (at != End()) {
    const int64_t other_ms = DeadlineAt(at);
    if (other_ms < 0 || other_ms > deadline_ms) break;
    at = NextField(at);
  }
  return at;
}

size_t PackedFieldBytes(const HashField& field, bool triples) noexcept {
  const size_t bytes = ListpackElementBytes(field.name) + ListpackElementBytes(field.value);
  return triples ? bytes + ListpackIntegerBytes(StoredDeadline(field.expire_at_ms)) : bytes;
}

char* PutPackedField(char* to, const HashField& field, bool triples) noexcept {
  to = PutListpackElement(to, field.name);
  to = PutListpackElement(to, field.value);
  return triples ? PutListpackInteger(to, StoredDeadline(field.expire_at_ms)) : to;
}

void UpdatePackedEarliest(char* bytes) noexcept {
  const PackedHash packed(bytes, true);
  const int64_t earliest_ms = packed.Begin() == packed.End() ? -1 : packed.DeadlineAt(packed.Begin());
  StoreLittleEndian(bytes, static_cast<uint64_t>(StoredDeadline(earliest_ms)));
}

void AddPackedField(std::string& listpack, const HashField& field, bool triples) {
  const PackedHash packed(std::string_view(listpack), triples);
  const PackedHash::Offset at = triples ? packed.PlaceFor(field.expire_at_ms) : packed.End();
  const size_t old_bytes = listpack.size();
  const size_t field_bytes = PackedFieldBytes(field, triples);
  listpack.resize(old_bytes + field_bytes);
  PutPackedField(OpenListpackGap(listpack.data(), old_bytes, at, field_bytes, triples ? 3 : 2), field, triples);
}

std::string TriplesOfPairs(std::string_view listpack) {
  const PackedHash pairs(listpack, false);
  std::string triples = MakeListpack();
  HashScratch scratch;
  HashField field;
  for (PackedHash::Offset at = pairs.Begin(); at != pairs.End();) {
    at = pairs.Read(at, field, scratch);
    AppendToListpack(triples, field.name);
    AppendToListpack(triples, field.value);
    AppendToListpack(triples, int64_t{0});
  }
  return triples;
}

}  // namespace cachenode
