#include "protocol/error_text.h"

#include <cstddef>
#include <iterator>

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

struct Wording {
  Err code;
  std::string_view text;
};

// In the order of the enumeration, so that a code is an index.
constexpr Wording kWordings[] = {
    {Err::kOk, "OK"},
    {Err::kSyntax, "ERR syntax error"},
    {Err::kWrongType, "WRONGTYPE Operation against a key holding the wrong kind of value"},
    {Err::kNotInteger, "ERR value is not an integer or out of range"},
    {Err::kNotFloat, "ERR value is not a valid float"},
    {Err::kOverflow, "ERR increment or decrement would overflow"},
    {Err::kNanOrInfinity, "ERR increment would produce NaN or Infinity"},
    {Err::kNoSuchKey, "ERR no such key"},
    {Err::kOutOfRange, "ERR value is out of range"},
    {Err::kNegative, "ERR value is out of range, must be positive"},
    {Err::kOffsetOutOfRange, "ERR offset is out of range"},
    {Err::kStringTooLong, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
    {Err::kBitNotInteger, "ERR bit is not an integer or out of range"},
    {Err::kBitOffset, "ERR bit offset is not an integer or out of range"},
    {Err::kOutOfMemory, "OOM command not allowed when used memory > 'maxmemory'."},
    {Err::kBusyKey, "BUSYKEY Target key name already exists."},
    {Err::kInvalidCursor, "ERR invalid cursor"},
    {Err::kInvalidDbIndex, "ERR invalid DB index"},
    {Err::kDbOutOfRange, "ERR DB index is out of range"},
    {Err::kInvalidExpire, "ERR invalid expire time"},
    {Err::kNoAuth, "NOAUTH Authentication required."},
    {Err::kLoading, "LOADING Redis is loading the dataset in memory"},
    {Err::kNoReplicas, "NOREPLICAS Not enough good replicas to write."},
    {Err::kReadOnly, "READONLY You can't write against a read only replica."},
    {Err::kNoProto, "NOPROTO unsupported protocol version"},
    {Err::kMisconf,
     "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
     "Commands that may modify the data set are disabled, because this instance is configured to report errors "
     "during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
     "details about the RDB error."},
    {Err::kArity, "ERR wrong number of arguments"},
    {Err::kSameObject, "ERR source and destination objects are the same"},
};

constexpr bool WordingsAreInOrder() noexcept {
  size_t index = 0;
  for (const Wording& wording : kWordings) {
    if (static_cast<size_t>(wording.code) != index++) return false;
  }
  return index == static_cast<size_t>(Err::kText);  // Those from kText on come with their own text.
}
static_assert(WordingsAreInOrder());

constexpr size_t kShownBytesMax = 128;  // Of a name or of all arguments together.

// A client's bytes as printf's "%.<limit>s" would show them: up to the first zero byte.
std::string_view Shown(std::string_view bytes, size_t limit = kShownBytesMax) noexcept {
  return UpToZero(bytes).substr(0, limit);
}

}  // namespace

std::string_view ErrorText(Err code) noexcept {
  const auto index = static_cast<size_t>(code);
  if (index >= std::size(kWordings)) return "ERR internal error";
  return kWordings[index].text;
}

std::string ErrorReply(const Status& status, std::string_view command) {
  if (!status.text().empty()) return std::string(status.text());
  if (!command.empty() && status.code() == Err::kArity) return WrongArityText(command);
  if (!command.empty() && status.code() == Err::kInvalidExpire) return InvalidExpireText(command);
  return std::string(ErrorText(status.code()));
}

std::string WrongArityText(std::string_view command) {
  std::string text("ERR wrong number of arguments for '");
  return text.append(command).append("' command");
}

std::string UnknownCommandText(std::span<const std::string_view> args, UnknownWording wording) {
  const bool is_old = wording == UnknownWording::kBackquotes;
  const std::string_view quote = is_old ? "`" : "'";
  std::string shown_args;
  for (size_t i = 1; i < args.size() && shown_args.size() < kShownBytesMax; ++i) {
    const size_t room = kShownBytesMax - shown_args.size();
    shown_args.append(quote).append(Shown(args[i], room)).append(quote).append(is_old ? ", " : " ");
  }
  std::string text("ERR unknown command ");
  text.append(quote).append(args.empty() ? std::string_view() : Shown(args[0])).append(quote);
  if (wording == UnknownWording::kBare) return text;
  return text.append(", with args beginning with: ").append(shown_args);
}

std::string UnknownSubcommandText(std::string_view container, std::string_view subcommand) {
  std::string text("ERR unknown subcommand '");
  return text.append(Shown(subcommand)).append("'. Try ").append(UpperCased(container)).append(" HELP.");
}

std::string SubcommandSyntaxText(std::string_view container, std::string_view subcommand) {
  std::string text("ERR unknown subcommand or wrong number of arguments for '");
  return text.append(Shown(subcommand)).append("'. Try ").append(UpperCased(container)).append(" HELP.");
}

std::string InvalidExpireText(std::string_view command) {
  std::string text("ERR invalid expire time in '");
  return text.append(command).append("' command");
}

std::string NoCommandPermissionText(AclWording wording, std::string_view user, std::string_view command) {
  std::string text("NOPERM ");
  if (wording == AclWording::kEngine70) {
    text.append("this user");
  } else {
    text.append("User ").append(user);
  }
  return text.append(" has no permissions to run the '").append(command).append("' command");
}

std::string_view NoKeyPermissionText(AclWording wording) noexcept {
  if (wording == AclWording::kNewer) return "NOPERM No permissions to access a key";
  return "NOPERM this user has no permissions to access one of the keys used as arguments";
}

std::string_view NoChannelPermissionText(AclWording wording) noexcept {
  if (wording == AclWording::kNewer) return "NOPERM No permissions to access a channel";
  return "NOPERM this user has no permissions to access one of the channels used as arguments";
}

}  // namespace cachenode
