#include "protocol/error_text.h"

#include "storage/base/bytes.h"

namespace cachenode {

namespace {

constexpr size_t kShownBytesMax = 128;  // Of a name or of all arguments together.

// A client's bytes as printf's "%.<limit>s" would show them: up to the first zero byte.
std::string_view Shown(std::string_view bytes, size_t limit = kShownBytesMax) noexcept {
  return bytes.substr(0, bytes.find('\0')).substr(0, limit);
}

}  // namespace

std::string_view ErrorText(Err code) noexcept {
  switch (code) {
    case Err::kOk:
      return "OK";
    case Err::kSyntax:
      return "ERR syntax error";
    case Err::kWrongType:
      return "WRONGTYPE Operation against a key holding the wrong kind of value";
    case Err::kNotInteger:
      return "ERR value is not an integer or out of range";
    case Err::kNotFloat:
      return "ERR value is not a valid float";
    case Err::kOverflow:
      return "ERR increment or decrement would overflow";
    case Err::kNanOrInfinity:
      return "ERR increment would produce NaN or Infinity";
    case Err::kNoSuchKey:
      return "ERR no such key";
    case Err::kOutOfRange:
      return "ERR value is out of range";
    case Err::kNegative:
      return "ERR value is out of range, must be positive";
    case Err::kOffsetOutOfRange:
      return "ERR offset is out of range";
    case Err::kStringTooLong:
      return "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    case Err::kBitNotInteger:
      return "ERR bit is not an integer or out of range";
    case Err::kBitOffset:
      return "ERR bit offset is not an integer or out of range";
    case Err::kOutOfMemory:
      return "OOM command not allowed when used memory > 'maxmemory'.";
    case Err::kBusyKey:
      return "BUSYKEY Target key name already exists.";
    case Err::kInvalidCursor:
      return "ERR invalid cursor";
    case Err::kInvalidDbIndex:
      return "ERR invalid DB index";
    case Err::kDbOutOfRange:
      return "ERR DB index is out of range";
    case Err::kInvalidExpire:
      return "ERR invalid expire time";
    case Err::kNoAuth:
      return "NOAUTH Authentication required.";
    case Err::kLoading:
      return "LOADING Redis is loading the dataset in memory";
    case Err::kNoReplicas:
      return "NOREPLICAS Not enough good replicas to write.";
    case Err::kReadOnly:
      return "READONLY You can't write against a read only replica.";
    case Err::kNoProto:
      return "NOPROTO unsupported protocol version";
    case Err::kMisconf:
      return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
             "Commands "
             "that may modify the data set are disabled, because this instance is configured to report errors during "
             "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
             "details about the RDB error.";
    case Err::kArity:
      return "ERR wrong number of arguments";
    case Err::kSameObject:
      return "ERR source and destination objects are the same";
    case Err::kText:
    case Err::kIo:
    case Err::kCorrupt:
    case Err::kConfig:
    case Err::kUnavailable:
    case Err::kCancelled:
      break;  // These come with their own text; without one there is nothing to say.
  }
  return "ERR internal error";
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

std::string UnknownCommandText(std::span<const std::string_view> args) {
  std::string shown_args;
  for (size_t i = 1; i < args.size() && shown_args.size() < kShownBytesMax; ++i) {
    const size_t room = kShownBytesMax - shown_args.size();
    shown_args.append("'").append(Shown(args[i], room)).append("' ");
  }
  std::string text("ERR unknown command '");
  if (!args.empty()) text.append(Shown(args[0]));
  return text.append("', with args beginning with: ").append(shown_args);
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
