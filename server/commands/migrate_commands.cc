// MIGRATE: keys move to another server, each by DUMP here and RESTORE there.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persistence/rdb_value_codec.h"
#include "protocol/resp_writer.h"
#include "server/background_pool.h"
#include "server/client_registry.h"
#include "server/command_context.h"
#include "server/command_table.h"
#include "server/commands/families.h"
#include "server/config/config.h"
#include "server/migrate/migrate_table.h"
#include "server/node_state.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr size_t kKeyIndex = 3;
constexpr size_t kOptionsIndex = 6;
constexpr int64_t kTimeoutMsByDefault = 1000;

struct MigrateRequest {
  MigrateOrder order;
  Args keys;
};

Status ParseOptions(Args args, MigrateRequest& request) {
  MigrateOrder& order = request.order;
  for (size_t i = kOptionsIndex; i < args.size(); ++i) {
    const size_t more = args.size() - i - 1;
    if (EqualsIgnoreCase(args[i], "copy")) {
      order.copies = true;
    } else if (EqualsIgnoreCase(args[i], "replace")) {
      order.replaces = true;
    } else if (EqualsIgnoreCase(args[i], "auth") && more >= 1) {
      order.has_password = true;
      order.password = args[++i];
    } else if (EqualsIgnoreCase(args[i], "auth2") && more >= 2) {
      order.has_password = true;
      order.user = args[++i];
      order.password = args[++i];
    } else if (EqualsIgnoreCase(args[i], "keys")) {
      if (!args[kKeyIndex].empty()) {
        return Status::Text("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
      }
      request.keys = args.subspan(i + 1);
      return Status::Ok();
    } else {
      return Err::kSyntax;
    }
  }
  return Status::Ok();
}

Result<MigrateRequest> ParseMigrate(Args args) {
  MigrateRequest request;
  request.keys = args.subspan(kKeyIndex, 1);
  if (Status failed = ParseOptions(args, request); !failed.ok()) return failed;
  Result<int64_t> timeout_ms = ParseInt64(args[5]);
  if (!timeout_ms) return timeout_ms.error();
  Result<int64_t> database = ParseInt64(args[4]);
  if (!database) return database.error();
  request.order.host = args[1];
  request.order.port = args[2];
  request.order.database = *database;
  request.order.timeout_ms = *timeout_ms > 0 ? *timeout_ms : kTimeoutMsByDefault;
  return request;
}

// Serialises the keys that exist into the order, and says which they are.
std::vector<MigrateTable::FencedKey> TakeItems(CommandContext& context, MigrateRequest& request) {
  const RdbCompression compression = context.config().rdbcompression ? RdbCompression::kLzf : RdbCompression::kOff;
  std::vector<MigrateTable::FencedKey> fenced;
  for (const std::string_view key : request.keys) {
    const KeySlot slot = context.FindForRead(key);
    if (!slot.Exists()) continue;
    MigrateItem item;
    item.key = key;
    const int64_t expire_at_ms = slot.expire_at_ms();
    if (expire_at_ms >= 0) item.ttl_ms = std::max<int64_t>(expire_at_ms - context.now_ms(), 1);
    item.payload = DumpPayload(slot.View(), compression);
    request.order.items.push_back(std::move(item));
    fenced.push_back({context.db(), KeyHash::Of(key)});
  }
  return fenced;
}

// Erases what the target has taken, and answers.
Status FinishMigrate(CommandContext& context, const MigrateOrder& order) {
  for (const MigrateItem& item : order.items) {
    if (order.copies || !item.accepted) continue;
    KeySlot slot = context.FindForWrite(item.key);
    if (!slot.Exists()) continue;  // Its time was over meanwhile, or it was evicted.
    slot.Erase();
    context.Notify(kNotifyGeneric, "del", item.key);
  }
  if (!order.error.empty()) return Status::Text(order.error);
  context.reply().Ok();
  return Status::Ok();
}

// The order is carried out by a thread of the pool; this client sleeps and offers the same request again at its end.
Status StartMigrate(CommandContext& context, MigrateOrder order, std::vector<MigrateTable::FencedKey> fenced) {
  MigrateTable& table = *context.parts().state->migrations;
  ClientRegistry& clients = *context.parts().clients;
  const uint64_t id = context.session().id;
  const std::shared_ptr<MigrateOrder> shared = table.Begin(id, std::move(order), std::move(fenced));
  const bool submitted =
      context.parts().background->Submit(BackgroundPool::Lane::kTransfer, [&table, &clients, shared, id] {
        table.CarryOut(*shared);
        if (table.NoteDone(id)) clients.Post(id, [](Session& session) { session.connection->Resume(); });
      });
  if (!submitted) {
    static_cast<void>(table.End(id));
    return Status::Text("IOERR error or timeout connecting to the client");
  }
  context.session().connection->Park();
  return context.GiveTurnBack();
}

// MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key...]
// -> OK, or NOKEY when none of the keys exists.
Status Migrate(CommandContext& context, Args args) {
  Result<MigrateRequest> request = ParseMigrate(args);
  if (!request) return request.error();
  MigrateTable* table = context.parts().state->migrations.get();
  const uint64_t id = context.session().id;
  const auto progress = table == nullptr ? MigrateTable::Progress::kNone : table->ProgressOf(id);
  if (progress == MigrateTable::Progress::kDone) return FinishMigrate(context, *table->End(id));
  if (progress == MigrateTable::Progress::kRunning) {  // Woken by something else.
    context.session().connection->Park();
    return context.GiveTurnBack();
  }
  std::vector<MigrateTable::FencedKey> fenced = TakeItems(context, *request);
  if (request->order.items.empty()) {
    context.reply().SimpleString("NOKEY");
    return Status::Ok();
  }
  for (const MigrateItem& item : request->order.items) {
    if (item.payload.empty()) return Err::kOutOfMemory;
  }
  const Command* request_command = context.session().last_command;  // EXEC, when this is one of its queue.
  const bool is_nested =
      request_command == nullptr || request_command->handler != Migrate || !context.MayGiveTurnBack();
  if (table != nullptr && !is_nested) {
    request->order.request.assign(args.begin(), args.end());
    request->order.source_database = context.db();
    return StartMigrate(context, std::move(request->order), std::move(fenced));
  }
  // Between MULTI and EXEC and in scripts nobody could offer it again: it is waited for, as in Redis.
  MigrateTable alone([] {});
  (table != nullptr ? *table : alone).CarryOut(request->order);
  return FinishMigrate(context, request->order);
}

constexpr uint16_t kMigratedKey = kKeyReadWrite | kKeyAccess | kKeyDelete;

KeySearch FindMigrateKeys(Args args, std::vector<KeyPosition>& positions) {
  positions.clear();
  size_t first = kKeyIndex;
  size_t last = kKeyIndex;
  for (size_t i = kOptionsIndex; i < args.size() && args[kKeyIndex].empty(); ++i) {
    if (EqualsIgnoreCase(args[i], "auth")) {
      ++i;
    } else if (EqualsIgnoreCase(args[i], "auth2")) {
      i += 2;
    } else if (EqualsIgnoreCase(args[i], "keys")) {
      first = i + 1;
      last = args.size() - 1;
      break;
    }
  }
  for (size_t i = first; i <= last; ++i) positions.push_back({static_cast<uint32_t>(i), kMigratedKey});
  return KeySearch::kFound;
}

bool IsMigrateSecret(Args args, size_t index) {
  for (size_t i = kOptionsIndex; i < index; ++i) {
    if (EqualsIgnoreCase(args[i], "keys")) return false;
    if (EqualsIgnoreCase(args[i], "auth") && index == i + 1) return true;
    if (EqualsIgnoreCase(args[i], "auth2") && index <= i + 2) return true;
  }
  return false;
}

constexpr CommandSpec kMigrateCommands[] = {
    {.name = "migrate",
     .arity = -6,
     .flags = kWrite,
     .keys = KeySpecs(KeySpec::One(kKeyIndex, kMigratedKey),
                      KeySpec::AfterKeyword("KEYS", -2, -1, 1, kMigratedKey | kKeyIncomplete)),
     .find_keys = FindMigrateKeys,
     .acl = kAclDangerous | kAclKeyspace,
     .handler = Migrate,
     .group = CommandGroup::kGeneric,
     .doc = {.summary = "Moves keys to another server.",
             .since = "2.6.0",
             .complexity = "O(N)",
             .arguments = "host:string port:integer key-selector:oneof(key:key@0 empty-string:pure-token=) "
                          "destination-db:integer timeout:integer [copy:pure-token=COPY!3.0.0] "
                          "[replace:pure-token=REPLACE!3.0.0] [authentication:oneof(auth:string=AUTH!4.0.7 "
                          "auth2:block(username:string password:string)=AUTH2!6.0.0)] [keys:key=KEYS@1!3.0.6*]",
             .tips = "nondeterministic_output"},
     .is_secret = IsMigrateSecret},
};

}  // namespace

std::span<const CommandSpec> MigrateCommands() { return kMigrateCommands; }

}  // namespace cachenode
