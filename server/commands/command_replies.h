// How one command is shown to clients: the reply forms of COMMAND INFO and COMMAND DOCS, and the names behind the bits
// of a row.
//
// Thread-safety: pure functions over constant data; the writer belongs to the caller's loop.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_table.h"

namespace cachenode {

// What a bit of a row is called in replies.
struct NamedBit {
  uint32_t bit;
  std::string_view name;
};
// "write", ...; "@write", ...; "RO", ...: in the order in which replies list them.
[[nodiscard]] std::span<const NamedBit> CommandFlagNames();
[[nodiscard]] std::span<const NamedBit> AclCategoryNames();
[[nodiscard]] std::span<const NamedBit> KeyFlagNames();

// The ten-element array of COMMAND INFO.
void WriteCommandInfo(RespWriter& reply, const Command& command);
// A name and its documentation map: one pair of COMMAND DOCS.
void WriteCommandDoc(RespWriter& reply, const Command& command);
// A set of "RO", "access", ...
void WriteKeyFlags(RespWriter& reply, uint16_t flags);
// The bit of an ACL category ("string", "fast"), 0 when there is none of that name. Case matters not.
[[nodiscard]] uint32_t AclCategoryByName(std::string_view name);

}  // namespace cachenode
