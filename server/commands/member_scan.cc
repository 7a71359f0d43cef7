#include "server/commands/member_scan.h"

#include "server/arg_parser.h"
#include "server/command_context.h"
#include "server/config/config.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {

namespace {

// What engines that know NOVALUES and NOSCORES say of them at the wrong command.
Status RefuseOption(const EngineVersion& engine, std::string_view option) {
  const bool knows_values = engine.AtLeast(7, 4) || engine.AtLeastValkey(8, 0);
  if (knows_values && EqualsIgnoreCase(option, "novalues"))
    return Status::Text("ERR NOVALUES option can only be used in HSCAN");
  if (engine.AtLeastValkey(8, 1) && EqualsIgnoreCase(option, "noscores"))
    return Status::Text("ERR NOSCORES option can only be used in ZSCAN");
  return Err::kSyntax;
}

}  // namespace

Status ParseScanCursor(std::string_view text, uint64_t& cursor) {
  text = UpToZero(text);
  const bool is_valid = text.empty() || (!IsSpaceAscii(text.front()) && TryParseLooseUint64(text, cursor));
  return is_valid ? Status::Ok() : Status(Err::kInvalidCursor);
}

Status ParseMemberScan(const CommandContext& context, Args args, std::string_view bare_keyword,
                       MemberScanOptions& options) {
  ArgParser parser(args, 3);
  while (parser.HasNext()) {
    if (parser.Match("match", 1)) {
      options.pattern = parser.NextString();
    } else if (parser.Match("count", 1)) {
      const int64_t count = parser.NextInt64();
      if (!parser.failed() && count < 1) return Err::kSyntax;
      options.count = static_cast<uint64_t>(count);
    } else if (!bare_keyword.empty() && parser.Match(bare_keyword)) {
      options.bare = true;
    } else {
      return RefuseOption(context.config().engine_version, parser.Peek());
    }
  }
  options.takes_all = GlobMatchesAll(options.pattern);
  return parser.Finish();
}

void WriteEmptyScan(RespWriter& reply) {
  reply.ArrayHeader(2);
  reply.Bulk("0");
  reply.EmptyArray();
}

}  // namespace cachenode
