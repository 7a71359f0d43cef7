#include "server/node/notification_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/base/log.h"

namespace cachenode {
namespace {

// Where nobody listens: refused at once. Without credentials nothing leaves for a topic.
NotificationSender::Settings ToNobody() {
  NotificationSender::Settings settings;
  settings.url = "http://127.0.0.1:1/secret";
  settings.timeout_ms = 1000;
  settings.attempts_max = 1000;
  return settings;
}

NodeEvent Event(uint64_t id, NodeEventKind kind = NodeEventKind::kSnapshotComplete) {
  return {.id = id, .time_ms = 1'700'000'000'000, .kind = kind, .message = "done"};
}

TEST(NotificationSender, KeepsNothingWithoutAReceiver) {
  NullLogSink sink;
  Log log(sink);
  NotificationSender sender(log, "a-node", [] { return NotificationSender::Settings(); });
  sender.Enqueue(Event(1));
  EXPECT_EQ(sender.Figures().waiting, 0U);
}

TEST(NotificationSender, NotesAreForNobody) {
  NullLogSink sink;
  Log log(sink);
  NotificationSender sender(log, "a-node", ToNobody);
  sender.Enqueue(Event(1, NodeEventKind::kNote));
  EXPECT_EQ(sender.Figures().waiting, 0U);
}

TEST(NotificationSender, TheOldestGoWhenTheQueueIsFull) {
  NullLogSink sink;
  Log log(sink);
  NotificationSender sender(log, "a-node", ToNobody);
  for (uint64_t id = 1; id <= NotificationSender::kQueueMax + 5; ++id) sender.Enqueue(Event(id));
  EXPECT_EQ(sender.Figures().waiting, NotificationSender::kQueueMax);
  EXPECT_EQ(sender.Figures().dropped, 5U);
}

TEST(NotificationSender, AStopIsSoonAndCountsWhatIsLost) {
  NullLogSink sink;
  Log log(sink);
  NotificationSender sender(log, "a-node", ToNobody);
  constexpr uint64_t kEvents = 20;
  for (uint64_t id = 1; id <= kEvents; ++id) sender.Enqueue(Event(id));
  sender.Stop();
  const NotificationFigures figures = sender.Figures();
  EXPECT_EQ(figures.waiting, 0U);
  EXPECT_EQ(figures.sent, 0U);
  EXPECT_EQ(figures.failed + figures.dropped, kEvents);
  sender.Enqueue(Event(kEvents + 1));
  EXPECT_EQ(sender.Figures().failed + sender.Figures().dropped, kEvents + 1);
}

TEST(NotificationSender, ErrorsDoNotShowTheSecretOfAnAddress) {
  NullLogSink sink;
  Log log(sink);
  NotificationSender sender(log, "a-node", ToNobody);
  sender.Enqueue(Event(1));
  sender.Stop();
  EXPECT_THAT(sender.Figures().last_error, testing::HasSubstr("notification-url: http://127.0.0.1:1: "));
  EXPECT_THAT(sender.Figures().last_error, testing::Not(testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace cachenode
