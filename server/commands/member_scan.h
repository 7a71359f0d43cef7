// What SSCAN, HSCAN and ZSCAN have in common: their options, and a step of a walk over a large value.
//
// Thread-safety: on a handler's stack, under the key's shard lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/key_spec.h"
#include "storage/base/glob.h"
#include "storage/base/status.h"
#include "storage/value/packed_table.h"

namespace cachenode {

class CommandContext;

struct MemberScanOptions {
  std::string_view pattern = "*";
  uint64_t count = 10;
  bool bare = false;  // NOVALUES, NOSCORES: without what belongs to a member.
  bool takes_all = true;

  [[nodiscard]] bool Takes(std::string_view member) const noexcept {
    return takes_all || GlobMatch(pattern, member, CaseRule::kExact);
  }
};

// The cursor of a SCAN command, as strtoul reads it: "" is 0, a zero byte ends it. Errors: kInvalidCursor.
[[nodiscard]] Status ParseScanCursor(std::string_view text, uint64_t& cursor);

// Reads [MATCH pattern] [COUNT count] from args[3] on, and `bare_keyword` ("novalues") where it is not empty. Errors:
// kSyntax, kNotInteger, and a text for another command's keyword.
[[nodiscard]] Status ParseMemberScan(const CommandContext& context, Args args, std::string_view bare_keyword,
                                     MemberScanOptions& options);

// The reply to a scan that finds nothing: of a missing key.
void WriteEmptyScan(RespWriter& reply);

// Replies with the next cursor and what `write(record)` adds to the array for each record that matches, `items` replies
// a record. The table is walked twice, the first time for the cursor alone, so that nothing has to be kept.
template <typename Write>
void WriteTableScan(RespWriter& reply, const PackedTable& table, uint64_t cursor, const MemberScanOptions& options,
                    size_t items, Write&& write) {
  const auto count = static_cast<size_t>(options.count);
  reply.ArrayHeader(2);
  reply.BulkInteger(static_cast<int64_t>(table.Scan(cursor, count, [](const PackedRecord&) {})));
  const RespWriter::Deferred members = reply.DeferArray();
  size_t written = 0;
  table.Scan(cursor, count, [&](const PackedRecord& record) {
    if (!options.Takes(record.key)) return;
    write(record);
    written += items;
  });
  reply.Close(members, written);
}

}  // namespace cachenode
