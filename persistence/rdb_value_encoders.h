// Collections to RDB bytes: one encoder per data type, each with the choice of the form a file of a version takes.
//
// Thread-safety: functions; the entry's value stays as it is while they run (the shard's lock, or a reference to what
// it
//   owns). A large value is read node by node and leaves through RdbOutput in pieces.
#pragma once

#include "persistence/rdb_format.h"
#include "persistence/rdb_output.h"
#include "storage/base/result.h"
#include "storage/entry_view.h"

namespace cachenode {

// The value's bytes, behind type and key, in the form that `type` stands for. What lacks memory or a reader shows in
// the output.
void EncodeRdbList(RdbType type, const EntryView& entry, RdbOutput& out) noexcept;
void EncodeRdbSet(RdbType type, const EntryView& entry, RdbOutput& out) noexcept;
void EncodeRdbSortedSet(RdbType type, const EntryView& entry, RdbOutput& out) noexcept;
void EncodeRdbHash(RdbType type, const EntryView& entry, RdbOutput& out) noexcept;
void EncodeRdbStream(RdbType type, const EntryView& entry, RdbOutput& out) noexcept;

// The form for a file of `version` (9 to 12, or 80). Hashes: kUnavailable when fields have deadlines, which no version
// below 12 holds.
[[nodiscard]] RdbType ListTypeFor(int version) noexcept;
[[nodiscard]] RdbType SetTypeFor(const EntryView& entry, int version) noexcept;
[[nodiscard]] RdbType SortedSetTypeFor(const EntryView& entry, int version) noexcept;
[[nodiscard]] Result<RdbType> HashTypeFor(const EntryView& entry, int version);
[[nodiscard]] RdbType StreamTypeFor(int version) noexcept;

// The lowest version whose form of the value loses nothing: what DUMP writes.
[[nodiscard]] int HashVersionNeeded(const EntryView& entry) noexcept;

// Versions that brought new forms.
constexpr int kRdbLowestWritten = 9;
constexpr int kRdbPackedVersion = 10;       // Listpacks and quicklist 2.
constexpr int kRdbSetListpackVersion = 11;  // And consumers' active times.
constexpr int kRdbFieldTtlVersion = 12;

}  // namespace cachenode
