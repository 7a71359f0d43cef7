#include "protocol/resp_parser.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/base/quoting.h"
#include "storage/base/random.h"

namespace cachenode {
namespace {

using Words = std::vector<std::string>;
using Outcome = RespParser::Outcome;

// What a connection saw: its requests, the error that ended it, and what was left over.
struct Conversation {
  std::vector<Words> requests;
  std::string error;
  size_t leftover_bytes = 0;
  size_t wire_bytes = 0;

  bool operator==(const Conversation&) const = default;
};

// A connection's input side: keeps what was not consumed, in memory that moves with every read so that views and
// offsets kept for too long are found out.
class Connection {
 public:
  Connection() = default;
  explicit Connection(const ParserLimits& limits) : parser(limits) {}

  void Receive(std::string_view bytes) {
    auto moved = std::make_unique<char[]>(size_ + bytes.size());
    std::copy_n(buffer_.get(), size_, moved.get());
    std::copy(bytes.begin(), bytes.end(), moved.get() + size_);
    buffer_ = std::move(moved);
    size_ += bytes.size();
    while (seen.error.empty() && ParseOnce()) {
    }
    seen.leftover_bytes = size_;
  }

  RespParser parser;
  Conversation seen;

 private:
  // True when the parser wants to be called again.
  bool ParseOnce() {
    const size_t given = size_;
    const RespParser::Progress progress = parser.Parse({buffer_.get(), size_}, batch_);
    for (size_t i = 0; i < batch_.size(); ++i) {
      seen.requests.emplace_back(batch_.args(i).begin(), batch_.args(i).end());
      seen.wire_bytes += batch_.wire_bytes(i);
    }
    batch_.Clear();
    size_ -= progress.consumed_bytes;
    std::copy_n(buffer_.get() + progress.consumed_bytes, size_, buffer_.get());
    if (progress.outcome == Outcome::kError) seen.error = parser.ErrorText();
    if (progress.outcome == Outcome::kNeedMore && parser.BytesWanted() <= given - progress.consumed_bytes) {
      ADD_FAILURE() << "wants " << parser.BytesWanted() << " bytes and has " << given - progress.consumed_bytes;
    }
    return progress.outcome == Outcome::kBatchFull;
  }

  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(0);
  size_t size_ = 0;
  RequestBatch batch_;
};

Conversation Hear(std::string_view input, const ParserLimits& limits = {}, bool unauthenticated = false) {
  Connection connection(limits);
  connection.parser.SetUnauthenticated(unauthenticated);
  connection.Receive(input);
  return connection.seen;
}

Conversation HearInPieces(std::string_view input, const std::vector<size_t>& cuts, bool unauthenticated = false) {
  Connection connection;
  connection.parser.SetUnauthenticated(unauthenticated);
  size_t from = 0;
  for (const size_t cut : cuts) {
    connection.Receive(input.substr(from, cut - from));
    from = cut;
  }
  connection.Receive(input.substr(from));
  return connection.seen;
}

std::string Encode(const Words& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

TEST(RespParser, ReadsOneRequest) {
  const Conversation seen = Hear("*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n");
  EXPECT_EQ(seen.requests, (std::vector<Words>{{"GET", "hello"}}));
  EXPECT_EQ(seen.leftover_bytes, 0U);
  EXPECT_EQ(seen.wire_bytes, 24U);
}

TEST(RespParser, ViewsPointIntoTheInput) {
  const std::string input = Encode({"SET", "key", "value"});
  RespParser parser;
  RequestBatch batch;
  ASSERT_EQ(parser.Parse(input, batch).outcome, Outcome::kNeedMore);
  ASSERT_EQ(batch.size(), 1U);
  for (const std::string_view word : batch.args(0)) {
    EXPECT_GE(word.data(), input.data());
    EXPECT_LE(word.data() + word.size(), input.data() + input.size());
  }
}

TEST(RespParser, KeepsEveryByteOfABulkString) {
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(Hear(Encode({"ECHO", all_bytes, ""})).requests, (std::vector<Words>{{"ECHO", all_bytes, ""}}));
}

TEST(RespParser, StopsAtTheBatchLimitAndGoesOn) {
  std::string input;
  for (size_t i = 0; i < RequestBatch::kRequestsMax + 1; ++i) input += Encode({"ECHO", std::to_string(i)});
  RespParser parser;
  RequestBatch batch;
  const RespParser::Progress first = parser.Parse(input, batch);
  EXPECT_EQ(first.outcome, Outcome::kBatchFull);
  EXPECT_EQ(batch.size(), RequestBatch::kRequestsMax);
  batch.Clear();
  const RespParser::Progress second = parser.Parse(std::string_view(input).substr(first.consumed_bytes), batch);
  EXPECT_EQ(second.outcome, Outcome::kNeedMore);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.args(0)[1], "32");
  EXPECT_EQ(first.consumed_bytes + second.consumed_bytes, input.size());
}

TEST(RespParser, SkipsEmptyArraysAndEmptyLines) {
  const Conversation seen = Hear("*0\r\n\r\n*-1\r\n\n   \r\n*1\r\n$4\r\nPING\r\n*-7\r\n");
  EXPECT_EQ(seen.requests, (std::vector<Words>{{"PING"}}));
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.leftover_bytes, 0U);
}

TEST(RespParser, DoesNotLookAtTheBytesBehindABulkString) {
  EXPECT_EQ(Hear("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n").requests, (std::vector<Words>{{"PING"}, {"PING"}}));
}

TEST(RespParser, ReadsInlineRequests) {
  EXPECT_EQ(Hear("PING\r\nset k  v\nGET\tk\r\n").requests,
            (std::vector<Words>{{"PING"}, {"set", "k", "v"}, {"GET", "k"}}));
  EXPECT_EQ(Hear("  SET \"a b\\x41\\n\" 'it\\'s' x\"y\"\r\n").requests,
            (std::vector<Words>{{"SET", "a bA\n", "it's", "xy"}}));
  EXPECT_EQ(Hear("SET \"\" ''\r\n").requests, (std::vector<Words>{{"SET", "", ""}}));
}

// However the words are found, quoted ones or as they lie there.
TEST(RespParser, SplitsInlineLinesAsQuotedWords) {
  constexpr std::string_view kBytes("ab  \t\v\r\f\"'\\x\0", 13);
  Random random(11);
  size_t plain = 0;
  for (int round = 0; round < 20'000; ++round) {
    const size_t kinds = random.Below(2) == 0 ? 8 : kBytes.size();  // The first are plain.
    std::string line;
    for (size_t left = random.Below(12); left > 0; --left) line += kBytes[random.Below(kinds)];
    if (line.starts_with('*')) continue;
    Words words;
    std::string_view end = line;
    if (end.ends_with('\r')) end.remove_suffix(1);
    const bool is_right = SplitQuotedWords(end, words);
    const Conversation heard = Hear(line + "\n");
    if (!is_right) {
      ASSERT_EQ(heard.error, "ERR Protocol error: unbalanced quotes in request") << line;
    } else {
      ASSERT_EQ(heard.requests, words.empty() ? std::vector<Words>{} : std::vector<Words>{words}) << line;
      if (words.size() > 1) ++plain;
    }
  }
  EXPECT_GT(plain, 1000U);
}

TEST(RespParser, KeepsInlineWordsOfAWholeBatch) {
  const std::string input = "SET 'a' b\r\nSET \"c\" d\r\nPING\r\n";
  RespParser parser;
  RequestBatch batch;
  ASSERT_EQ(parser.Parse(input, batch).outcome, Outcome::kNeedMore);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch.args(0)[1], "a");
  EXPECT_EQ(batch.args(1)[1], "c");
  EXPECT_EQ(batch.args(2)[0], "PING");
}

struct ErrorCase {
  std::string input;
  std::string error;
};

TEST(RespParser, RefusesWhatRedisRefusesInItsWords) {
  const std::string big(RespParser::kInlineBytesMax + 1, '1');
  const ErrorCase cases[] = {
      {"*x\r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*+1\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"*2147483648\r\n", "invalid multibulk length"},
      {"*20000000000000000000\r\n", "invalid multibulk length"},
      {"*1\r\nfooz\r\n", "expected '$', got 'f'"},
      {"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$-10\r\n", "invalid bulk length"},
      {"*1\r\n$x\r\n", "invalid bulk length"},
      {"*1\r\n$\r\n", "invalid bulk length"},
      {"*1\r\n$01\r\na\r\n", "invalid bulk length"},
      {"*1\r\n$2000000000\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"set \"\"\"test-key\"\"\" x\r\n", "unbalanced quotes in request"},
      {"set 'a\r\n", "unbalanced quotes in request"},
      {"*" + big, "too big mbulk count string"},
      {"*1\r\n$" + big, "too big bulk count string"},
      {big, "too big inline request"},
      {big + "\r\n", "too big inline request"},
  };
  for (const ErrorCase& test : cases) {
    const Conversation seen = Hear("PING\r\n" + test.input);
    EXPECT_EQ(seen.error, "ERR Protocol error: " + test.error) << test.input.substr(0, 60);
    EXPECT_EQ(seen.requests, (std::vector<Words>{{"PING"}}));
  }
}

TEST(RespParser, StaysBrokenAfterAnError) {
  RespParser parser;
  RequestBatch batch;
  EXPECT_EQ(parser.Parse("*x\r\n", batch).outcome, Outcome::kError);
  EXPECT_EQ(parser.Parse("*1\r\n$4\r\nPING\r\n", batch).outcome, Outcome::kError);
  EXPECT_TRUE(batch.empty());
}

TEST(RespParser, HasLimitsThatCanBeSet) {
  ParserLimits limits;
  limits.bulk_bytes_max = 5;
  limits.args_max = 3;
  EXPECT_EQ(Hear(Encode({"a", "b", "12345"}), limits).requests.size(), 1U);
  EXPECT_EQ(Hear(Encode({"123456"}), limits).error, "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(Hear(Encode({"a", "b", "c", "d"}), limits).error, "ERR Protocol error: invalid multibulk length");
}

TEST(RespParser, GivesUnauthenticatedClientsLittle) {
  const Words ten(10, "x");
  const Words eleven(11, "x");
  const std::string bulk(16384, 'x');
  EXPECT_EQ(Hear(Encode(ten), {}, true).requests.size(), 1U);
  EXPECT_EQ(Hear(Encode(eleven), {}, true).error, "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(Hear(Encode({"SET", "x", bulk}), {}, true).requests.size(), 1U);
  EXPECT_EQ(Hear(Encode({"SET", "x", bulk + "x"}), {}, true).error, "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(Hear(Encode(eleven)).requests.size(), 1U);
}

TEST(RespParser, LetsAnAuthTakeEffectBeforeTheNextRequest) {
  const std::string input = Encode({"AUTH", "secret"}) + Encode(Words(11, "x"));
  RespParser parser;
  RequestBatch batch;
  parser.SetUnauthenticated(true);
  const RespParser::Progress first = parser.Parse(input, batch);
  ASSERT_EQ(first.outcome, Outcome::kBatchFull);
  ASSERT_EQ(batch.size(), 1U);
  parser.SetUnauthenticated(false);
  batch.Clear();
  EXPECT_EQ(parser.Parse(std::string_view(input).substr(first.consumed_bytes), batch).outcome, Outcome::kNeedMore);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.args(0).size(), 11U);
}

TEST(RespParser, SaysHowManyBytesALargeStringNeeds) {
  const std::string head = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n";
  RespParser parser;
  RequestBatch batch;
  ASSERT_EQ(parser.Parse(head, batch).outcome, Outcome::kNeedMore);
  EXPECT_EQ(parser.BytesWanted(), head.size() + 1000002);
  EXPECT_TRUE(parser.InsideRequest());
  const std::string whole = head + std::string(1000000, 'v') + "\r\n";
  ASSERT_EQ(parser.Parse(whole, batch).outcome, Outcome::kNeedMore);
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.args(0)[2].size(), 1000000U);
  EXPECT_EQ(batch.args(0)[2].data(), whole.data() + head.size());
  EXPECT_FALSE(parser.InsideRequest());
  EXPECT_EQ(parser.BytesWanted(), 1U);
}

TEST(RespParser, TakesManyArgumentsInSmallPiecesAndLetsGoOfThem) {
  Words words(200'000, "a");
  const std::string input = Encode(words);
  Connection connection;
  for (size_t at = 0; at < input.size(); at += 65536) connection.Receive(std::string_view(input).substr(at, 65536));
  ASSERT_EQ(connection.seen.requests.size(), 1U);
  EXPECT_EQ(connection.seen.requests[0], words);
  EXPECT_LE(connection.parser.MemoryBytes(), RequestBatch::kKeptArgsMax * 16);
}

// The interesting inputs, valid and broken; every one is cut at every byte, and fed byte by byte.
std::vector<std::string> Samples() {
  return {
      Encode({"GET", "key"}) + Encode({"SET", "k", std::string(1200, 'v')}) + "PING\r\n" + Encode({"DEL", ""}),
      "\r\n*0\r\n PING  'x y' \n*-1\r\n" + Encode({"A"}) + "*1\r",
      Encode(Words(40, "word")) + Encode({"X", "\r\n\r\n"}) + "*2\r\n$1\r\nA\r\n$3\r\nab",
      Encode({"A"}) + "*x\r\n" + Encode({"B"}),
      Encode({"A"}) + "*2\r\n$1\r\nB\r\nC$1\r\n",
      Encode({"A"}) + "*2\r\n$1\r\nB\r\n$-1\r\n",
      "A 'b'c\r\nPING\r\n",
      "A \"b\\xzz\\x4\"\r\n*1\r\n$7\r\n1234567\r\n",
      "*1\rx$1\rxAyz*1\r\n$4\r\nPING\r\n",
      std::string("GET a\0b\r\nPING\r\n", 15),
      "*12\r\n$10\r\n0123456789\r\n",
  };
}

TEST(RespParser, GivesTheSameResultCutAtEveryByte) {
  for (const std::string& input : Samples()) {
    for (const bool unauthenticated : {false, true}) {
      const Conversation whole = Hear(input, {}, unauthenticated);
      for (size_t cut = 0; cut <= input.size(); ++cut) {
        Conversation pieces = HearInPieces(input, {cut}, unauthenticated);
        pieces.wire_bytes = whole.wire_bytes;  // Skipped lines of an earlier read count for no request.
        EXPECT_EQ(pieces.requests, whole.requests) << "cut at " << cut << " of " << input;
        EXPECT_EQ(pieces.error, whole.error) << "cut at " << cut << " of " << input;
        if (whole.error.empty()) {
          EXPECT_EQ(pieces.leftover_bytes, whole.leftover_bytes) << cut << input;
        }
      }
      std::vector<size_t> every_byte;
      for (size_t cut = 1; cut < input.size(); ++cut) every_byte.push_back(cut);
      EXPECT_EQ(HearInPieces(input, every_byte, unauthenticated).requests, whole.requests) << input;
      EXPECT_EQ(HearInPieces(input, every_byte, unauthenticated).error, whole.error) << input;
    }
  }
}

TEST(RespParser, FindsTooLongLinesWhereverTheyAreCut) {
  const std::string lines[] = {std::string(65536, 'x') + "\n", std::string(65537, 'x') + "\n",
                               "*" + std::string(65535, '1') + "\r\n", "*" + std::string(65536, '1') + "\r\n",
                               "*1\r\n$" + std::string(65536, '1') + "\r\n"};
  for (const std::string& line : lines) {
    const Conversation whole = Hear(line);
    for (const size_t cut : {size_t{1}, size_t{4}, size_t{65535}, size_t{65536}, size_t{65537}, line.size()}) {
      if (cut > line.size()) continue;
      EXPECT_EQ(HearInPieces(line, {cut}).error, whole.error) << line.size() << " cut at " << cut;
    }
  }
  EXPECT_EQ(Hear(lines[0]).error, "");
  EXPECT_EQ(Hear(lines[1]).error, "ERR Protocol error: too big inline request");
}

std::string RandomWord(Random& random) {
  static constexpr size_t kSizes[] = {0, 1, 3, 9, 10, 99, 100, 101, 999, 1000, 70000};
  const size_t bound = kSizes[random.Below(random.Below(50) == 0 ? 11 : 9)];
  std::string word(random.Below(bound + 1), ' ');
  for (char& c : word) c = static_cast<char>(random.Next());
  return word;
}

TEST(RespParser, ReadsRandomRequestsInRandomPieces) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<Words> expected;
    std::string input;
    for (uint64_t i = random.Below(80); i > 0; --i) {
      Words words(1 + random.Below(random.Below(10) == 0 ? 100 : 5));
      for (std::string& word : words) word = RandomWord(random);
      input += Encode(words);
      expected.push_back(std::move(words));
      if (random.Below(8) == 0) input += random.Below(2) == 0 ? "\r\n" : "*0\r\n";
    }
    Connection connection;
    for (size_t at = 0; at < input.size();) {
      const size_t size = 1 + random.Below(random.Below(2) == 0 ? 20 : 5000);
      connection.Receive(std::string_view(input).substr(at, size));
      at += size;
    }
    ASSERT_EQ(connection.seen.requests, expected) << "seed " << seed;
    ASSERT_EQ(connection.seen.leftover_bytes, 0U) << "seed " << seed;
  }
}

// Random bytes of the protocol's alphabet: whatever they mean, cutting them must not change it.
TEST(RespParser, JudgesRandomNoiseTheSameHoweverItIsCut) {
  static constexpr std::string_view kAlphabet = "*$\r\n\r\n0123 \"'\\xPING";
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    std::string input;
    for (uint64_t i = random.Below(60); i > 0; --i) {
      switch (random.Below(4)) {
        case 0:
          input += Encode({"A", "bc"});
          break;
        case 1:
          input += random.Below(2) == 0 ? "*1\r\n" : "$1\r\n";
          break;
        default:
          input.push_back(kAlphabet[random.Below(kAlphabet.size())]);
      }
    }
    const Conversation whole = Hear(input);
    std::vector<size_t> cuts;
    for (size_t at = 0; at < input.size(); at += 1 + random.Below(6)) cuts.push_back(at);
    const Conversation pieces = HearInPieces(input, cuts);
    ASSERT_EQ(pieces.requests, whole.requests) << "seed " << seed << ": " << input;
    ASSERT_EQ(pieces.error, whole.error) << "seed " << seed << ": " << input;
  }
}

}  // namespace
}  // namespace cachenode
