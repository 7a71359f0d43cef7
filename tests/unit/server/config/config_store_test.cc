#include "server/config/config_store.h"
#include "server/config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "server/config/config_file.h"
#include "tests/support/scratch_folder.h"

namespace cachenode {
namespace {

const MachineFacts kMachine{2, "/"};
const ConfigCaller kLocal{.is_local = true};

// Notes what it is asked for and refuses when told to.
class RecordingApplier final : public ConfigApplier {
 public:
  Status Apply(ApplyGroup group, const Config& before, const Config& after) override {
    calls.push_back({group, before.timeout, after.timeout});
    if (refuse) return Status::WithText(Err::kConfig, reason);
    return Status::Ok();
  }
  struct Call {
    ApplyGroup group;
    int64_t timeout_before;
    int64_t timeout_after;
  };
  std::vector<Call> calls;
  bool refuse = false;
  std::string reason = "Unable to listen on this port. Check server logs.";
};

class ConfigStoreTest : public testing::Test {
 protected:
  explicit ConfigStoreTest(const std::string& text = "", const std::string& path = "")
      : store_({Loaded(text), DefaultConfig(kMachine), path}) {}

  static Config Loaded(const std::string& text) {
    LoadOutcome outcome = LoadConfig({{"a.conf", text, SourceKind::kFile}}, kMachine);
    EXPECT_TRUE(outcome.loaded);
    return std::move(outcome.loaded->config);
  }
  // The reply's text, "OK" for success.
  std::string Set(const std::vector<std::string_view>& pairs, const ConfigCaller& caller = kLocal) {
    const Status done = store_.Set(pairs, caller);
    if (done) return "OK";
    return done.text().empty() ? "code " + std::to_string(static_cast<int>(done.code())) : std::string(done.text());
  }
  std::string Get(std::string_view name) const {
    const std::string_view patterns[] = {name};
    std::string text;
    for (const ConfigPair& pair : store_.Get(patterns)) text += pair.name + "=" + pair.value + ";";
    return text;
  }

  ConfigStore store_;
};

TEST_F(ConfigStoreTest, GetAnswersUnderTheNameThatMatched) {
  EXPECT_EQ(Get("timeout"), "timeout=0;");
  EXPECT_EQ(Get("TIMEOUT"), "timeout=0;");
  EXPECT_EQ(Get("slave-priority"), "slave-priority=100;");
  EXPECT_EQ(Get("min-*-max-lag"), "min-replicas-max-lag=10;min-slaves-max-lag=10;");
  EXPECT_EQ(Get("no-such"), "");
  EXPECT_EQ(Get("commandlog-slow-execution-max-len"), "commandlog-slow-execution-max-len=128;");
  EXPECT_EQ(Get("commandlog-slow-*"), "");
}

TEST_F(ConfigStoreTest, GetHidesHiddenOptionsFromPatterns) {
  EXPECT_EQ(Get("key-load-dela*"), "");
  EXPECT_EQ(Get("key-load-delay"), "key-load-delay=0;");
}

TEST_F(ConfigStoreTest, GetWithSeveralPatternsAnswersEachNameOnce) {
  const std::string_view patterns[] = {"time*", "timeout", "TIMEOUT", "port"};
  const std::vector<ConfigPair> pairs = store_.Get(patterns);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[1].name, "port");
}

TEST_F(ConfigStoreTest, SetChangesAndFormats) {
  EXPECT_EQ(Set({"timeout", "5", "maxmemory", "1gb", "notify-keyspace-events", "EKlg$shzxetd"}), "OK");
  EXPECT_EQ(Get("timeout") + Get("maxmemory") + Get("notify-keyspace-events"),
            "timeout=5;maxmemory=1073741824;notify-keyspace-events=AKE;");
  EXPECT_EQ(Set({"oom-score-adj", "relative", "shutdown-on-sigterm", "force nosave"}), "OK");
  EXPECT_EQ(Get("oom-score-adj") + Get("shutdown-on-sigterm"), "oom-score-adj=yes;shutdown-on-sigterm=nosave force;");
  EXPECT_EQ(Set({"latency-tracking-info-percentiles", "33.333333333 99.999999999 0.00001"}), "OK");
  EXPECT_EQ(Get("latency-tracking-info-percentiles"), "latency-tracking-info-percentiles=33.333333 100 0.00001;");
  EXPECT_EQ(Set({"maxmemory-clients", "5%", "hz", "10000", "save", "", "bind", ""}), "OK");
  EXPECT_EQ(Get("maxmemory-clients") + Get("hz") + Get("save") + Get("bind"),
            "maxmemory-clients=5%;hz=500;save=;bind=;");
}

TEST_F(ConfigStoreTest, SetAnswersWithRedisTexts) {
  EXPECT_EQ(Set({"nosuch", "1"}), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
  EXPECT_EQ(Set({"timeout", "abc", "xx", "1"}), "ERR Unknown option or number of arguments for CONFIG SET - 'xx'");
  EXPECT_EQ(Set({"maxmemory", "abc"}),
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value");
  EXPECT_EQ(Set({"port", "1", "databases", "1"}),
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config");
  EXPECT_EQ(Set({"timeout", "1", "TIMEOUT", "2"}),
            "ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter");
  EXPECT_EQ(Set({"SLAVE-PRIORITY", "x"}),
            "ERR CONFIG SET failed (possibly related to argument 'slave-priority') - argument couldn't be parsed into "
            "an integer");
  EXPECT_EQ(Set({"save", "900  1"}),
            "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters");
  EXPECT_EQ(Set({"shutdown-on-sigterm", "save nosave"}),
            "ERR CONFIG SET failed (possibly related to argument 'shutdown-on-sigterm') - shutdown options SAVE and "
            "NOSAVE can't be used simultaneously");
  EXPECT_EQ(store_.Set(std::vector<std::string_view>{"a", "b", "c"}, kLocal).code(), Err::kSyntax);
}

TEST_F(ConfigStoreTest, ABadValueLeavesEveryOptionAsItWas) {
  EXPECT_NE(Set({"timeout", "7", "maxmemory", "100", "port", "x"}), "OK");
  EXPECT_EQ(Get("timeout") + Get("maxmemory"), "timeout=0;maxmemory=0;");
}

TEST_F(ConfigStoreTest, ARefusingPartRollsTheOthersBack) {
  RecordingApplier clients;
  RecordingApplier listeners;
  listeners.refuse = true;
  store_.Subscribe(ApplyGroup::kClients, clients);
  store_.Subscribe(ApplyGroup::kListeners, listeners);
  EXPECT_EQ(Set({"timeout", "7", "port", "1234"}),
            "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server "
            "logs.");
  EXPECT_EQ(Get("timeout") + Get("port"), "timeout=0;port=6379;");
  ASSERT_EQ(clients.calls.size(), 2U);
  EXPECT_EQ(clients.calls[0].timeout_after, 7);
  EXPECT_EQ(clients.calls[1].timeout_before, 7);
  EXPECT_EQ(clients.calls[1].timeout_after, 0);
  EXPECT_EQ(listeners.calls.size(), 1U);
}

TEST_F(ConfigStoreTest, ARefusalWithoutReasonSaysSo) {
  RecordingApplier listeners;
  listeners.refuse = true;
  listeners.reason = "";
  store_.Subscribe(ApplyGroup::kListeners, listeners);
  EXPECT_EQ(Set({"port", "1234"}), "ERR CONFIG SET failed (possibly related to argument 'port')");
}

TEST_F(ConfigStoreTest, PartsActOncePerGroupAndOnlyOnChange) {
  RecordingApplier clients;
  store_.Subscribe(ApplyGroup::kClients, clients);
  EXPECT_EQ(Set({"timeout", "0", "tcp-keepalive", "300"}), "OK");
  EXPECT_EQ(clients.calls.size(), 0U);
  EXPECT_EQ(Set({"timeout", "3", "tcp-keepalive", "60"}), "OK");
  EXPECT_EQ(clients.calls.size(), 1U);
}

TEST_F(ConfigStoreTest, AVolatileOptionIsAppliedEvenUnchanged) {
  RecordingApplier tls;
  store_.Subscribe(ApplyGroup::kTls, tls);
  EXPECT_EQ(Set({"tls-cert-file", ""}), "OK");
  EXPECT_EQ(tls.calls.size(), 1U);
}

TEST_F(ConfigStoreTest, ProtectedOptionsNeedPermission) {
  EXPECT_EQ(Set({"dbfilename", "x.rdb"}),
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config");
}

class ConfigStoreLocalTest : public ConfigStoreTest {
 protected:
  ConfigStoreLocalTest() : ConfigStoreTest("enable-protected-configs local\n") {}
};

TEST_F(ConfigStoreLocalTest, LocalPermissionIsForLocalClients) {
  EXPECT_EQ(Set({"dbfilename", "x.rdb"}), "OK");
  EXPECT_EQ(Set({"dbfilename", "y.rdb"}, {.is_local = false}),
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config");
  EXPECT_EQ(Set({"dbfilename", "a/b"}),
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be a path, just a "
            "filename");
  EXPECT_EQ(Set({"dir", "/no/such/place"}),
            "ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or directory");
}

TEST_F(ConfigStoreLocalTest, DirEntersTheDirectory) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::string target = std::filesystem::canonical(std::filesystem::temp_directory_path()).string();
  EXPECT_EQ(Set({"dir", target}), "OK");
  EXPECT_EQ(std::filesystem::current_path().string(), target);
  std::filesystem::current_path(before);
}

TEST_F(ConfigStoreTest, SomeOptionsWaitForTheEndOfLoading) {
  EXPECT_EQ(
      store_.Set(std::vector<std::string_view>{"appendonly", "no"}, {.is_local = true, .is_loading = true}).code(),
      Err::kLoading);
  EXPECT_EQ(Set({"timeout", "1"}, {.is_local = true, .is_loading = true}), "OK");
}

TEST_F(ConfigStoreTest, PartsThatAreNotBuiltCannotBeSwitchedOn) {
  EXPECT_EQ(Set({"appendonly", "yes"}),
            "ERR CONFIG SET failed (possibly related to argument 'appendonly') - the append-only file is not built "
            "into this server yet, so 'appendonly' cannot be used");
  EXPECT_EQ(Set({"appendonly", "no"}), "OK");
}

TEST_F(ConfigStoreTest, OurImmutableOptionsTakeTheValueTheyHave) {
  EXPECT_EQ(Set({"engine-version", "7.4"}), "OK");
  EXPECT_EQ(Set({"engine-version", "7.0"}),
            "ERR CONFIG SET failed (possibly related to argument 'engine-version') - can't set immutable config");
}

// The "CONFIG sanity" of the Redis test suite, but for what it skips too.
TEST_F(ConfigStoreTest, EveryMutableOptionTakesItsOwnValue) {
  const std::string_view all[] = {"*"};
  for (const ConfigPair& pair : store_.Get(all)) {
    const OptionSpec* option = FindOption(pair.name);
    const bool immutable = option->Has(kOptionImmutable) && !option->Has(kOptionOurs);
    if (immutable || option->Has(kOptionProtected)) continue;
    EXPECT_EQ(Set({pair.name, pair.value}), "OK") << pair.name;
  }
}

TEST_F(ConfigStoreTest, ASharedCopyOutlivesLaterChanges) {
  const std::shared_ptr<const Config> before = store_.Share();
  EXPECT_EQ(Set({"timeout", "9"}), "OK");
  EXPECT_EQ(before->timeout, 0);
  EXPECT_EQ(store_.Share()->timeout, 9);
  EXPECT_EQ(store_.Current().timeout, 9);
}

TEST_F(ConfigStoreTest, RewriteNeedsAFile) {
  EXPECT_EQ(store_.Rewrite({}, false).text(), "ERR The server is running without a config file");
}

TEST(ConfigStoreRewrite, WritesTheFileItWasStartedFrom) {
  const ScratchFolder folder;
  const std::string file = folder.File("a.conf");
  std::ofstream(file) << "# mine\ntimeout 1\ndir /\nsave \"\"\n";
  LoadOutcome outcome = LoadConfig({{"a", *ReadConfigBytes(file), SourceKind::kFile}}, kMachine);
  ASSERT_TRUE(outcome.loaded);
  ConfigStore store({outcome.loaded->config, outcome.loaded->defaults, file});
  ASSERT_TRUE(store.Set(std::vector<std::string_view>{"timeout", "2"}, kLocal).ok());
  ASSERT_TRUE(store.Rewrite({}, false).ok());
  EXPECT_EQ(*ReadConfigBytes(file), "# mine\ntimeout 2\ndir \"/\"\nsave \"\"\n");
}

TEST(ConfigStoreRewrite, AFailureNamesTheReason) {
  ConfigStore store({DefaultConfig(kMachine), DefaultConfig(kMachine), "/no/such/dir/a.conf"});
  EXPECT_EQ(store.Rewrite({}, false).text(), "ERR Rewriting config file: No such file or directory");
}

}  // namespace
}  // namespace cachenode
