// Fields with deadlines in a PackedTable: the large form of a hash. Only the hash classes include this.
//
// Thread-safety: as PackedTable: changes are for the holder of its one reference.
// Invariant: the table's deadlines count the fields that have one, and no field's is earlier than the earliest they
//   tell.
// Errors: kOutOfMemory, with the table as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/access_context.h"
#include "storage/base/result.h"
#include "storage/value/hash_value.h"
#include "storage/value/packed_table.h"

namespace cachenode::hash_table {

// Sets a field; true when it is new. `expiry` is about the field, whose own deadline in `field` does not count.
[[nodiscard]] Result<bool> Put(PackedTable& table, const HashField& field, Expiry expiry);
// The field `name`, which is there, gets another deadline; -1: none. False when there is no memory.
[[nodiscard]] bool SetDeadline(PackedTable& table, std::string_view name, int64_t deadline_ms);
// Erases a field that is there. False when there is no memory.
[[nodiscard]] bool Erase(PackedTable& table, std::string_view name, uint64_t hash);
// Erases fields that are due, at most `fields_max`, and answers how many.
[[nodiscard]] Result<size_t> EraseExpired(PackedTable& table, int64_t now_ms, size_t fields_max);

}  // namespace cachenode::hash_table
