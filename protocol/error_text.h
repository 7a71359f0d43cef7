// Error codes and their exact wording on the wire: what Redis words in one fixed way is spelled here and nowhere else.
//
// Thread-safety: pure functions. Texts are what follows the dash, code word included, without the line end.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/base/status.h"

namespace cachenode {

// The wording of a code below kText; the others come with their own text and get "ERR internal error" here. That of
// kInvalidExpire and kArity lacks the command's name, see ErrorReply.
[[nodiscard]] std::string_view ErrorText(Err code) noexcept;

// The reply for `status`, which is not Ok: its own text when it has one, else the code's. `command` is the full name in
// lower case ("set", "config|get"), for the two codes that name it.
[[nodiscard]] std::string ErrorReply(const Status& status, std::string_view command = {});

// "ERR wrong number of arguments for 'get' command".
[[nodiscard]] std::string WrongArityText(std::string_view command);
// The wording for unknown commands changed with engines 5.0 and 7.0.
enum class UnknownWording : uint8_t { kBare, kBackquotes, kQuotes };
// "ERR unknown command 'FOO', with args beginning with: 'a' 'b' "; ERR unknown command `FOO`, with args beginning with:
// `a`, `b`, before 7.0; "ERR unknown command 'FOO'" before 5.0. `args` starts with the command itself.
[[nodiscard]] std::string UnknownCommandText(std::span<const std::string_view> args,
                                             UnknownWording wording = UnknownWording::kQuotes);
// "ERR unknown subcommand 'FOO'. Try CONFIG HELP." `container` in any case, shown in capitals.
[[nodiscard]] std::string UnknownSubcommandText(std::string_view container, std::string_view subcommand);
// "ERR unknown subcommand or wrong number of arguments for 'FOO'. Try DEBUG HELP."
[[nodiscard]] std::string SubcommandSyntaxText(std::string_view container, std::string_view subcommand);
// "ERR invalid expire time in 'set' command".
[[nodiscard]] std::string InvalidExpireText(std::string_view command);
// The wording of permission errors changed after engine 7.0.
enum class AclWording : uint8_t { kEngine70, kNewer };
// "NOPERM User default has no permissions to run the 'config|get' command", or "this user has ..." before.
[[nodiscard]] std::string NoCommandPermissionText(AclWording wording, std::string_view user, std::string_view command);
// "NOPERM No permissions to access a key".
[[nodiscard]] std::string_view NoKeyPermissionText(AclWording wording) noexcept;
// "NOPERM No permissions to access a channel".
[[nodiscard]] std::string_view NoChannelPermissionText(AclWording wording) noexcept;

}  // namespace cachenode
