#include "server/node/notification_message.h"

#include <fmt/format.h>

namespace cachenode {
namespace {

// As a JSON string. Control characters do not occur in events, but would be harmless.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (code < 0x20 || code == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(code));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string FirstMember(const NodeEvent& event, std::string_view source_identifier) {
  return Quoted(TopicNameOf(event.kind)) + ":" + Quoted(source_identifier);
}

}  // namespace

std::string TopicMessage(const NodeEvent& event, std::string_view source_identifier) {
  return "{" + FirstMember(event, source_identifier) + "}";
}

std::string PostedMessage(const NodeEvent& event, std::string_view source_identifier) {
  return fmt::format(R"({{{},"SourceType":{},"SourceIdentifier":{},"Message":{},"Date":{},"Id":{}}})",
                     FirstMember(event, source_identifier), Quoted(kEventSourceType), Quoted(source_identifier),
                     Quoted(event.message), Quoted(EventDate(event.time_ms)), event.id);
}

std::string ShownAddress(std::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const size_t host = scheme_end + 3;
  std::string_view authority = url.substr(host, url.find_first_of("/?#", host) - host);
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) authority.remove_prefix(at + 1);
  return std::string(url.substr(0, host)).append(authority);
}

}  // namespace cachenode
