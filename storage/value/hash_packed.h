// The bytes of a packed hash: pairs, or triples with deadlines (hash_value.h). Only the hash classes include this.
//
// Thread-safety: pure functions over bytes; who owns them says who may write.
// Invariant: triples with a deadline come first, the earliest first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "storage/base/bytes.h"
#include "storage/value/hash_value.h"
#include "storage/value/listpack.h"

namespace cachenode {

// In front of a listpack of triples: the earliest deadline, 0 when there is none.
inline constexpr size_t kPackedEarliestBytes = sizeof(uint64_t);

[[nodiscard]] inline int64_t LoadPackedEarliest(const char* bytes) noexcept {
  const auto earliest = static_cast<int64_t>(LoadLittleEndian<uint64_t>(bytes));
  return earliest == 0 ? kNoFieldDeadline : earliest;
}

class PackedHash {
 public:
  using Offset = ListpackView::Offset;

  // `bytes` begin with the earliest deadline when they are triples.
  PackedHash(const char* bytes, bool triples) noexcept
      : list_(bytes + (triples ? kPackedEarliestBytes : 0)), width_(triples ? 3 : 2) {}
  // A listpack alone.
  PackedHash(std::string_view listpack, bool triples) noexcept : list_(listpack), width_(triples ? 3 : 2) {}

  [[nodiscard]] const ListpackView& list() const noexcept { return list_; }
  [[nodiscard]] size_t ListBytes() const noexcept { return list_.bytes().size(); }
  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] size_t Count() const noexcept { return list_.Count() / static_cast<size_t>(width_); }
  [[nodiscard]] Offset Begin() const noexcept { return list_.Begin(); }
  [[nodiscard]] Offset End() const noexcept { return list_.EndOffset(); }
  // End() when there is none.
  [[nodiscard]] Offset Find(std::string_view name) const noexcept {
    return list_.Find(name, Begin(), static_cast<size_t>(width_) - 1);
  }
  [[nodiscard]] Offset SeekField(size_t index) const noexcept {
    return list_.Seek(static_cast<int64_t>(index) * width_);
  }
  // The field at `at`; answers where the next one begins.
  Offset Read(Offset at, HashField& field, HashScratch& scratch) const noexcept {
    field.name = list_.At(at).Read(scratch.name);
    return ReadRest(at, field, scratch);
  }
  // The same without its name.
  Offset ReadRest(Offset at, HashField& field, HashScratch& scratch) const noexcept;
  [[nodiscard]] Offset NextField(Offset at) const noexcept;
  // -1 when it has none. Requires triples.
  [[nodiscard]] int64_t DeadlineAt(Offset at) const noexcept;
  // Where a triple with this deadline (-1: none) belongs. Requires triples.
  [[nodiscard]] Offset PlaceFor(int64_t deadline_ms) const noexcept;

 private:
  ListpackView list_;
  int width_;
};

// Bytes of a field's elements, and the elements. They end where the answer says.
[[nodiscard]] size_t PackedFieldBytes(const HashField& field, bool triples) noexcept;
char* PutPackedField(char* to, const HashField& field, bool triples) noexcept;

// Writes the earliest deadline in front of the triples behind it.
void UpdatePackedEarliest(char* bytes) noexcept;

// Adds a field that is not there to a listpack in a string, where it belongs.
void AddPackedField(std::string& listpack, const HashField& field, bool triples);
// The same fields as triples without deadlines.
[[nodiscard]] std::string TriplesOfPairs(std::string_view listpack);

}  // namespace cachenode
