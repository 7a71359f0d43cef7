#include "server/tracking/invalidation.h"

#include "server/session.h"
#include "server/tracking/tracking_state.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

constexpr uint8_t kResp3 = 3;

void Send(Session& receiver, std::string_view head, std::string_view body) {
  receiver.replies.Append(head);
  receiver.replies.Append(body);
  if (receiver.connection != nullptr) receiver.connection->ScheduleFlush();
}

void TellRedirectBroken(Session& client, uint64_t redirect_to) {
  if (client.tracking == nullptr) return;
  client.tracking->redirect_broken = true;
  if (client.resp_version < kResp3) return;
  std::string number(":");
  AppendUint64(number, redirect_to);
  Send(client, ">2\r\n$21\r\ntracking-redir-broken\r\n", number.append("\r\n"));
}

}  // namespace

void AppendArrayHeader(std::string& to, size_t count) {
  to.push_back('*');
  AppendUint64(to, count);
  to.append("\r\n");
}

void AppendBulk(std::string& to, std::string_view bytes) {
  to.push_back('$');
  AppendUint64(to, bytes.size());
  to.append("\r\n").append(bytes).append("\r\n");
}

std::string EncodeKey(std::string_view key) {
  constexpr size_t kHeadersMax = 40;
  std::string encoded;
  encoded.reserve(key.size() + kHeadersMax);
  AppendArrayHeader(encoded, 1);
  AppendBulk(encoded, key);
  return encoded;
}

void DeliverInvalidation(Session& receiver, const Invalidation& notice) {
  if (receiver.closing != Closing::kNo) return;
  if (notice.kind == Invalidation::Kind::kRedirectBroken) {
    TellRedirectBroken(receiver, notice.redirect_to);
    return;
  }
  // Turned off while the notice was on its way.
  if (notice.redirect_to == 0 && receiver.tracking == nullptr) return;
  const bool everything = notice.kind == Invalidation::Kind::kEverything;
  if (receiver.resp_version >= kResp3) {
    Send(receiver, ">2\r\n$10\r\ninvalidate\r\n", everything ? std::string_view("_\r\n") : *notice.keys);
  } else if (notice.redirect_to != 0 && (receiver.conditions & kSubscribed) != 0) {
    Send(receiver, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n",
         everything ? std::string_view("$-1\r\n") : *notice.keys);
  }
}

}  // namespace cachenode
