#include "server/migrate/migrate_table.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <thread>

#include "protocol/reply_buffer.h"
#include "server/session.h"

namespace cachenode {
namespace {

// A server on a port of its own that does with each connection what a test says.
class FakeTarget {
 public:
  explicit FakeTarget(std::function<void(int descriptor)> serve, int connections = 1) {
    listening_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_, 8), 0);
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, serve = std::move(serve), connections] {
      for (int i = 0; i < connections; ++i) {
        const int descriptor = accept(listening_, nullptr, nullptr);
        if (descriptor < 0) return;
        serve(descriptor);
        close(descriptor);
      }
    });
  }
  ~FakeTarget() {
    shutdown(listening_, SHUT_RDWR);
    thread_.join();
    close(listening_);
  }
  [[nodiscard]] const std::string& port() const { return port_; }

 private:
  int listening_;
  std::string port_;
  std::thread thread_;
};

// Reads until `last_word` has come.
std::string ReadFor(int descriptor, std::string_view last_word) {
  std::string read;
  std::array<char, 4096> chunk;
  while (read.find(last_word) == std::string::npos) {
    const ssize_t got = recv(descriptor, chunk.data(), chunk.size(), 0);
    if (got <= 0) break;
    read.append(chunk.data(), static_cast<size_t>(got));
  }
  return read;
}

void Say(int descriptor, std::string_view text) { send(descriptor, text.data(), text.size(), MSG_NOSIGNAL); }

MigrateOrder OrderTo(const std::string& port) {
  MigrateOrder order;
  order.host = "127.0.0.1";
  order.port = port;
  order.timeout_ms = 5000;
  order.items = {{"first", 0, "payload-1", false}, {"second", 77, "payload-2", false}};
  return order;
}

TEST(MigrateTable, SendsWhatTheOrderSaysAndNotesWhatWasTaken) {
  std::string request;
  FakeTarget target([&](int descriptor) {
    request = ReadFor(descriptor, "payload-2");
    Say(descriptor, "+OK\r\n+OK\r\n+OK\r\n-BUSYKEY Target key name already exists.\r\n");
  });
  MigrateTable table([] {});
  MigrateOrder order = OrderTo(target.port());
  order.database = 3;
  order.has_password = true;
  order.user = "someone";
  order.password = "secret";
  table.CarryOut(order);
  EXPECT_EQ(order.error, "ERR Target instance replied with error: BUSYKEY Target key name already exists.");
  EXPECT_TRUE(order.items[0].accepted);
  EXPECT_FALSE(order.items[1].accepted);
  EXPECT_TRUE(
      request.starts_with("*3\r\n$4\r\nAUTH\r\n$7\r\nsomeone\r\n$6\r\nsecret\r\n"
                          "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
                          "*4\r\n$7\r\nRESTORE\r\n$5\r\nfirst\r\n$1\r\n0\r\n$9\r\npayload-1\r\n"))
      << request;
}

TEST(MigrateTable, KeepsTheConnectionAndItsDatabase) {
  std::string second;
  FakeTarget target([&](int descriptor) {
    ReadFor(descriptor, "payload-2");
    Say(descriptor, "+OK\r\n+OK\r\n+OK\r\n");  // SELECT and two keys.
    second = ReadFor(descriptor, "payload-2");
    Say(descriptor, "+OK\r\n+OK\r\n");
  });
  MigrateTable table([] {});
  for (int i = 0; i < 2; ++i) {
    MigrateOrder order = OrderTo(target.port());
    table.CarryOut(order);
    EXPECT_EQ(order.error, "");
    EXPECT_TRUE(order.items[0].accepted && order.items[1].accepted);
    EXPECT_EQ(table.kept_target_count(), 1U);
  }
  EXPECT_EQ(second.find("SELECT"), std::string::npos);
}

TEST(MigrateTable, ReplacesAKeptConnectionThatTheTargetClosed) {
  FakeTarget target(
      [&](int descriptor) {
        ReadFor(descriptor, "payload-2");
        Say(descriptor, "+OK\r\n+OK\r\n+OK\r\n");
      },
      2);
  MigrateTable table([] {});
  for (int i = 0; i < 2; ++i) {
    MigrateOrder order = OrderTo(target.port());
    table.CarryOut(order);
    EXPECT_EQ(order.error, "") << i;
  }
}

TEST(MigrateTable, NoKeyCountsWhenTheTargetRefusesTheDatabase) {
  FakeTarget target([&](int descriptor) {
    ReadFor(descriptor, "payload-2");
    Say(descriptor, "-ERR DB index is out of range\r\n+OK\r\n+OK\r\n");
  });
  MigrateTable table([] {});
  MigrateOrder order = OrderTo(target.port());
  table.CarryOut(order);
  EXPECT_EQ(order.error, "ERR Target instance replied with error: ERR DB index is out of range");
  EXPECT_FALSE(order.items[0].accepted || order.items[1].accepted);
}

TEST(MigrateTable, KeepsWhatWasTakenBeforeTheTargetWent) {
  FakeTarget target([&](int descriptor) {
    ReadFor(descriptor, "payload-2");
    Say(descriptor, "+OK\r\n+OK\r\n");  // SELECT and the first key.
  });
  MigrateTable table([] {});
  MigrateOrder order = OrderTo(target.port());
  table.CarryOut(order);
  EXPECT_EQ(order.error, "IOERR error or timeout reading from target instance");
  EXPECT_TRUE(order.items[0].accepted);
  EXPECT_FALSE(order.items[1].accepted);
  EXPECT_EQ(table.kept_target_count(), 0U);
}

TEST(MigrateTable, ASilentTargetIsGivenUpInTime) {
  FakeTarget target([](int descriptor) {
    pollfd wait{descriptor, POLLRDHUP, 0};
    poll(&wait, 1, 10'000);
  });
  MigrateTable table([] {});
  MigrateOrder order = OrderTo(target.port());
  order.timeout_ms = 50;
  const int64_t begun_ms = SteadyMs();
  table.CarryOut(order);
  EXPECT_EQ(order.error, "IOERR error or timeout reading from target instance");
  EXPECT_LT(SteadyMs() - begun_ms, 5000);
}

TEST(MigrateTable, AnswersThatAreNoneAreErrors) {
  for (const std::string& answer : {std::string("+OK\r\n:1\r\n$-1\r\n"), std::string(200'000, 'x')}) {
    FakeTarget target([&](int descriptor) {
      ReadFor(descriptor, "payload-2");
      Say(descriptor, answer);
    });
    MigrateTable table([] {});
    MigrateOrder order = OrderTo(target.port());
    table.CarryOut(order);
    EXPECT_NE(order.error, "");
    EXPECT_FALSE(order.items[0].accepted || order.items[1].accepted);
  }
}

TEST(MigrateTable, NamesWhatCannotBeReached) {
  MigrateTable table([] {});
  MigrateOrder order = OrderTo("1");
  table.CarryOut(order);
  EXPECT_EQ(order.error, "IOERR error or timeout writing to target instance");
  order = OrderTo("1");
  order.host = "no such host";
  table.CarryOut(order);
  EXPECT_EQ(order.error, "IOERR error or timeout connecting to the client");
}

TEST(MigrateTable, StoppingEndsAWait) {
  FakeTarget target([](int descriptor) {
    pollfd wait{descriptor, POLLRDHUP, 0};
    poll(&wait, 1, 10'000);
  });
  MigrateTable table([] {});
  table.Stop();
  MigrateOrder order = OrderTo(target.port());
  order.timeout_ms = 60'000;
  const int64_t begun_ms = SteadyMs();
  table.CarryOut(order);
  EXPECT_NE(order.error, "");
  EXPECT_LT(SteadyMs() - begun_ms, 20'000);
}

TEST(MigrateTable, FencesBlockOthersUntilTheEnd) {
  int resumed = 0;
  MigrateTable table([&resumed] { ++resumed; });
  const KeyHash hash = KeyHash::Of("key");
  EXPECT_FALSE(table.HasFences());
  EXPECT_EQ(table.ProgressOf(7), MigrateTable::Progress::kNone);
  static_cast<void>(table.Begin(7, {}, {{2, hash}}));
  EXPECT_TRUE(table.HasFences());
  EXPECT_EQ(table.ProgressOf(7), MigrateTable::Progress::kRunning);
  EXPECT_TRUE(table.Blocks(8, 2, hash));
  EXPECT_FALSE(table.Blocks(7, 2, hash));
  EXPECT_FALSE(table.Blocks(8, 1, hash));
  EXPECT_TRUE(table.Blocks(8, std::nullopt, hash));
  EXPECT_FALSE(table.Blocks(7, std::nullopt, hash));
  EXPECT_FALSE(table.Blocks(8, 2, KeyHash::Of("other")));
  EXPECT_TRUE(table.NoteDone(7));
  EXPECT_EQ(table.ProgressOf(7), MigrateTable::Progress::kDone);
  EXPECT_TRUE(table.Blocks(8, 2, hash));
  EXPECT_NE(table.End(7), nullptr);
  EXPECT_FALSE(table.HasFences());
  EXPECT_EQ(resumed, 1);
}

TEST(MigrateTable, TheFencesOfAClientThatWentStayUntilTheTargetAnswered) {
  int resumed = 0;
  MigrateTable table([&resumed] { ++resumed; });
  ChunkPool chunks;
  Session session(7, 0, chunks);
  static_cast<void>(table.Begin(7, {}, {{0, KeyHash::Of("key")}}));
  table.OnSessionEnd(session);
  EXPECT_TRUE(table.HasFences());
  EXPECT_FALSE(table.NoteDone(7));
  EXPECT_FALSE(table.HasFences());
  static_cast<void>(table.Begin(7, {}, {{0, KeyHash::Of("key")}}));
  EXPECT_TRUE(table.NoteDone(7));
  table.OnSessionEnd(session);
  EXPECT_FALSE(table.HasFences());
  EXPECT_EQ(resumed, 2);
  EXPECT_TRUE(table.TakeAbandoned().empty());
}

TEST(MigrateTable, WhatTheTargetTookIsFencedUntilSomebodyErasesItForTheClientThatWent) {
  MigrateTable table([] {});
  ChunkPool chunks;
  Session session(7, 0, chunks);
  const auto begin = [&](bool copies) {
    MigrateOrder order;
    order.items = {{"key", 0, "payload", false}};
    order.copies = copies;
    order.request = {"MIGRATE", "host"};
    return table.Begin(7, std::move(order), {{0, KeyHash::Of("key")}});
  };
  const std::shared_ptr<MigrateOrder> order = begin(false);
  table.OnSessionEnd(session);
  EXPECT_TRUE(table.TakeAbandoned().empty());  // The target has not answered.
  order->items[0].accepted = true;
  EXPECT_FALSE(table.NoteDone(7));
  EXPECT_TRUE(table.Blocks(8, 0, KeyHash::Of("key")));
  for (int look = 0; look < 2; ++look) {
    const std::vector<MigrateTable::Abandoned> abandoned = table.TakeAbandoned();
    ASSERT_EQ(abandoned.size(), 1U);
    EXPECT_EQ(abandoned[0].client_id, 7U);
    EXPECT_EQ(abandoned[0].order->request.front(), "MIGRATE");
  }
  EXPECT_EQ(table.ProgressOf(7), MigrateTable::Progress::kDone);
  EXPECT_EQ(table.End(7), order);
  EXPECT_TRUE(table.TakeAbandoned().empty());
  EXPECT_FALSE(table.HasFences());
  // A copy stays where it is: nothing is left to do.
  begin(true)->items[0].accepted = true;
  table.OnSessionEnd(session);
  EXPECT_FALSE(table.NoteDone(7));
  EXPECT_FALSE(table.HasFences());
}

}  // namespace
}  // namespace cachenode
