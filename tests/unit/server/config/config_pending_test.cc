#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "server/config/config_store.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

constexpr uint64_t kMachineBytes = uint64_t{8} << 30;

ConfigStore::Start StartOf(const std::string& text) {
  MachineFacts machine{4, "/"};
  machine.memory_bytes = kMachineBytes;
  LoadOutcome outcome = LoadConfig({{"a.conf", text, SourceKind::kFile}}, machine);
  if (outcome.error) ADD_FAILURE() << outcome.error->Report("7.0.0");
  return {.config = outcome.loaded->config,
          .defaults = outcome.loaded->defaults,
          .file_path = {},
          .group = outcome.loaded->group,
          .machine_bytes = kMachineBytes};
}

std::string Set(ConfigStore& store, const std::vector<std::string_view>& pairs) {
  const Status done = store.Set(pairs, {.is_local = true});
  return done.ok() ? "OK" : std::string(done.text());
}

std::string Pending(const ConfigStore& store) {
  std::string text;
  for (const ConfigPair& change : store.Pending())
    text.append(change.name).append("=").append(change.value).append(" ");
  return text;
}

std::string GroupFile(const ScratchFolder& folder, const std::string& text) {
  std::string path = folder.File("group.conf");
  std::ofstream(path) << text;
  return path;
}

TEST(ConfigPending, ANodeTypeWaitsForTheRestart) {
  ConfigStore store(StartOf("cache-node-type cache.m1.small\n"));
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.medium"}), "OK");
  EXPECT_EQ(store.Current().cache_node_type, "cache.m1.small");
  EXPECT_EQ(Pending(store), "cache-node-type=cache.m1.medium ");
  EXPECT_NE(Set(store, {"cache-node-type", "cache.m5.24xlarge"}).find("GiB of memory, this machine"),
            std::string::npos);
  EXPECT_NE(Set(store, {"cache-node-type", "huge"}).find("no node type is called 'huge'"), std::string::npos);
  EXPECT_EQ(Pending(store), "cache-node-type=cache.m1.medium ");
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.small"}), "OK");
  EXPECT_EQ(Pending(store), "");
}

TEST(ConfigPending, TheNodeIsAskedWhetherItCouldGoOn) {
  ConfigStore store(StartOf("cache-node-type cache.m1.small\n"));
  std::string asked;
  std::string problem;
  store.SetRestartCheck([&](const Config& after, bool type_changes) {
    asked += after.cache_node_type + "/" + std::to_string(after.timeout) + (type_changes ? "+ " : " ");
    return problem;
  });
  EXPECT_EQ(Set(store, {"timeout", "1"}), "OK");
  EXPECT_EQ(asked, "") << "nothing waits";
  problem = "it is too small";
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.medium", "timeout", "5"}),
            "ERR CONFIG SET failed (possibly related to argument 'cache-node-type') - it is too small");
  EXPECT_EQ(asked, "cache.m1.medium/5+ ") << "what is set in the same command counts";
  EXPECT_EQ(Pending(store), "");
  EXPECT_EQ(store.Current().timeout, 1);
  problem.clear();
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.medium"}), "OK");
  EXPECT_EQ(store.PendingProblem(), "");
  // What contradicts a change that waits is refused, too; the data is looked at when the type changes only.
  asked.clear();
  problem = "that contradicts it";
  EXPECT_EQ(Set(store, {"timeout", "7"}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - that contradicts it");
  EXPECT_EQ(asked, "cache.m1.medium/7 ");
  EXPECT_EQ(store.PendingProblem(), "that contradicts it");
  EXPECT_EQ(asked, "cache.m1.medium/7 cache.m1.medium/1+ ");
  asked.clear();
  EXPECT_EQ(store.PendingProblem("cache-node-type"), "that contradicts it");
  EXPECT_EQ(asked, "cache.m1.small/1 ");
  store.DropPending("cache-node-type");
  store.DropPending("databases");
  EXPECT_EQ(Pending(store), "");
  EXPECT_EQ(Set(store, {"timeout", "7"}), "OK");
}

TEST(ConfigPending, AListenerHearsWhatChangedAndWhatWaits) {
  ConfigStore store(StartOf("cache-node-type cache.m1.small\n"));
  std::string told;
  store.SetChangeListener([&told](const ConfigChanges& changes) {
    for (const ConfigPair& change : changes.at_once) told += change.name + "=" + change.value + " ";
    for (const ConfigPair& change : changes.at_restart) told += change.name + "=" + change.value + "? ";
    told += "; ";
  });
  EXPECT_EQ(Set(store, {"timeout", "5", "maxmemory-samples", "5"}), "OK");
  EXPECT_EQ(Set(store, {"timeout", "5"}), "OK");
  EXPECT_NE(Set(store, {"timeout", "6", "maxmemory-samples", "x"}), "OK");
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.medium", "timeout", "7"}), "OK");
  EXPECT_EQ(Set(store, {"cache-node-type", "cache.m1.medium"}), "OK");
  EXPECT_EQ(told, "timeout=5 ; timeout=7 cache-node-type=cache.m1.medium? ; ");
}

TEST(ConfigPending, ATypeFixesMaxmemoryAndTheReserveMovesItAtOnce) {
  ConfigStore store(StartOf("cache-node-type cache.m1.small\n"));
  EXPECT_NE(Set(store, {"maxmemory", "100mb"}).find("maxmemory is fixed by cache-node-type cache.m1.small"),
            std::string::npos);
  EXPECT_EQ(store.Current().maxmemory, 707788800U);
  EXPECT_EQ(Set(store, {"reserved-memory-percent", "0"}), "OK");
  EXPECT_EQ(store.Current().maxmemory, 943718400U);
  EXPECT_NE(Set(store, {"reserved-memory-percent", "100"}).find("takes all of the"), std::string::npos);
  EXPECT_EQ(store.Current().maxmemory, 943718400U);
}

TEST(ConfigPending, WithoutAGroupCustomNodesBehaveAsRedis) {
  ConfigStore store(StartOf(""));
  EXPECT_EQ(Set(store, {"maxmemory", "100mb"}), "OK");
  EXPECT_EQ(Set(store, {"timeout", "5"}), "OK");
  EXPECT_NE(Set(store, {"databases", "32"}).find("can't set immutable config"), std::string::npos);
  EXPECT_EQ(Pending(store), "");
}

TEST(ConfigPending, AReadOnlyGroupKeepsItsParametersAndNothingElse) {
  ConfigStore store(StartOf("parameter-group default.redis7\n"));
  EXPECT_EQ(Set(store, {"timeout", "300"}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - parameter group 'default.redis7' is "
            "read-only");
  EXPECT_NE(Set(store, {"databases", "32"}).find("is read-only"), std::string::npos);
  EXPECT_NE(Set(store, {"client-output-buffer-limit", "normal 1 2 3"}).find("for each of its numbers"),
            std::string::npos);
  EXPECT_EQ(Set(store, {"metrics-bind", "127.0.0.2"}), "OK");
}

TEST(ConfigPending, AGroupOfOnesOwnObeysItsFamily) {
  const ScratchFolder folder;
  ConfigStore store(StartOf("parameter-group " + GroupFile(folder, "family redis7\n") + "\n"));
  EXPECT_EQ(Set(store, {"timeout", "300"}), "OK");
  EXPECT_EQ(store.Current().timeout, 300);
  EXPECT_NE(Set(store, {"timeout", "5"}).find("'5' is no value family redis7 permits, allowed: a number of 0, 20 or"),
            std::string::npos);
  EXPECT_NE(Set(store, {"maxclients", "5"}).find("does not let this parameter be modified"), std::string::npos);
  EXPECT_EQ(Set(store, {"client-output-buffer-limit-normal-hard-limit", "1000"}), "OK");
  EXPECT_EQ(store.Current().client_output_buffer_limit[0].hard_bytes, 1000U);
  EXPECT_EQ(Set(store, {"databases", "32", "timeout", "0"}), "OK");
  EXPECT_EQ(store.Current().databases, 16);
  EXPECT_EQ(store.Current().timeout, 0);
  EXPECT_EQ(Pending(store), "databases=32 ");
}

TEST(ConfigPending, AllOrNoneHoldsForBothKinds) {
  const ScratchFolder folder;
  ConfigStore store(StartOf("parameter-group " + GroupFile(folder, "family redis7\n") + "\n"));
  EXPECT_NE(Set(store, {"timeout", "300", "databases", "0"}), "OK");
  EXPECT_EQ(store.Current().timeout, 0);
  EXPECT_EQ(Pending(store), "");
}

TEST(ConfigPending, OldNamesOfParametersAreKnownToTheirFamilies) {
  const ScratchFolder folder;
  ConfigStore store(StartOf("engine-version 5.0\nparameter-group " +
                            GroupFile(folder, "family redis5.0\nhash-max-ziplist-entries 10\n") + "\n"));
  EXPECT_EQ(store.Current().hash_max_listpack_entries, 10);
  EXPECT_EQ(Set(store, {"hash-max-listpack-entries", "20"}), "OK");
  EXPECT_EQ(Set(store, {"hash-max-ziplist-entries", "-1"}).find("OK"), std::string::npos);
}

TEST(ConfigPending, AGroupThatWouldStopTheStartIsRefused) {
  const ScratchFolder folder;
  ConfigStore store(StartOf(""));
  EXPECT_NE(Set(store, {"parameter-group", "default.redis6.x"}).find("engine-version 7.4 takes redis7"),
            std::string::npos);
  EXPECT_NE(Set(store, {"parameter-group", GroupFile(folder, "family redis7\nnope 1\n")}).find("line 2 of"),
            std::string::npos);
  EXPECT_EQ(Set(store, {"parameter-group", "default.redis7"}), "OK");
  EXPECT_EQ(Pending(store), "parameter-group=default.redis7 ");
}

}  // namespace
}  // namespace cachenode
