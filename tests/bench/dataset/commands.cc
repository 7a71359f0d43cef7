#include "tests/bench/dataset/commands.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace cachenode::bench {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint64_t kLetterCount = 52;
constexpr size_t kNumberDigits = 12;

// Key numbers of strings and small hashes are shuffled as one block; the mixed set, whose number of keys follows from
// their sizes, is shuffled block by block.
constexpr uint64_t kMixedBlockKeys = 65536;

// Mixed data: per cent of the payload by type, in the order of Generator::Type.
constexpr std::array<uint64_t, 6> kShares = {40, 20, 15, 10, 10, 5};
constexpr uint64_t kSmallStringBytes = 64;
constexpr uint64_t kLargeStringBytes = 64 * 1024;
constexpr uint64_t kSmallElements = 10;
constexpr uint64_t kLargeElements = 2000;
constexpr uint64_t kElementsPerCommand = 100;
constexpr uint64_t kElementBytes = 16;

void AppendDecimal(std::string* out, uint64_t number) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out->append(text.data(), end);
}

void AppendHeader(std::string* out, char mark, uint64_t number) {
  out->push_back(mark);
  AppendDecimal(out, number);
  out->append("\r\n");
}

void AppendBulk(std::string* out, std::string_view text) {
  AppendHeader(out, '$', text.size());
  out->append(text);
  out->append("\r\n");
}

void AppendNumberBulk(std::string* out, uint64_t number) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  AppendBulk(out, std::string_view(text.data(), static_cast<size_t>(end - text.data())));
}

// `prefix` and twelve digits, as redis-benchmark names its keys.
void AppendKey(std::string* out, std::string_view prefix, uint64_t number) {
  std::array<char, kNumberDigits> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    *digit = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  AppendHeader(out, '$', prefix.size() + digits.size());
  out->append(prefix);
  out->append(digits.data(), digits.size());
  out->append("\r\n");
}

void AppendRandomBulk(std::string* out, Random* random, uint64_t size_bytes) {
  AppendHeader(out, '$', size_bytes);
  const size_t start = out->size();
  out->resize(start + size_bytes + 2);
  char* at = out->data() + start;
  uint64_t left = size_bytes;
  if (left > 0) {
    *at++ = kAlphabet[random->Below(kLetterCount)];
    --left;
  }
  while (left > 0) {
    uint64_t bits = random->Next();
    for (uint64_t n = std::min<uint64_t>(left, 10); n > 0; --n, --left, bits >>= 6) *at++ = kAlphabet[bits & 63];
  }
  at[0] = '\r';
  at[1] = '\n';
}

uint64_t Rotate(uint64_t value, int count) { return (value << count) | (value >> (64 - count)); }

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t Random::Next() {
  const uint64_t result = Rotate(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = Rotate(state_[3], 45);
  return result;
}

uint64_t Random::Below(uint64_t limit) { return ((Next() >> 32) * limit) >> 32; }

Generator::Generator(const Plan& plan)
    : plan_(plan), random_(plan.seed), block_start_(plan.first), produced_(kShares.size()) {}

uint64_t Generator::TakeNumber() {
  if (block_used_ == block_.size()) {
    block_start_ += block_.size();
    block_.resize(plan_.kind == Kind::kMixed ? kMixedBlockKeys : plan_.key_count);
    for (size_t i = 0; i < block_.size(); ++i) block_[i] = static_cast<uint32_t>(i);
    for (size_t i = block_.size(); i > 1; --i) std::swap(block_[i - 1], block_[random_.Below(i)]);
    block_used_ = 0;
  }
  ++key_count_;
  return block_start_ + block_[block_used_++];
}

bool Generator::Append(std::string* out, size_t goal_bytes) {
  while (out->size() < goal_bytes) {
    const bool done = plan_.kind == Kind::kMixed ? produced_bytes_ >= plan_.payload_bytes
                                                 : key_count_ >= std::min(plan_.key_count, plan_.key_limit);
    if (done) return false;
    switch (plan_.kind) {
      case Kind::kString:
        AppendString(out, TakeNumber(), plan_.value_bytes);
        break;
      case Kind::kSmallHash:
        AppendUserHash(out, TakeNumber());
        break;
      case Kind::kMixed:
        AppendMixedKey(out);
        break;
      case Kind::kDelete:
        AppendDelete(out, TakeNumber());
        break;
    }
  }
  return true;
}

void Generator::BeginCommand(std::string* out, uint64_t argument_count, std::string_view name) {
  ++command_count_;
  AppendHeader(out, '*', argument_count + 1);
  AppendBulk(out, name);
}

void Generator::AppendString(std::string* out, uint64_t number, uint64_t value_bytes) {
  BeginCommand(out, plan_.ttl_seconds == 0 ? 2 : 4, "SET");
  AppendKey(out, "key:", number);
  AppendRandomBulk(out, &random_, value_bytes);
  if (plan_.ttl_seconds != 0) {
    AppendBulk(out, "EX");
    AppendNumberBulk(out, plan_.ttl_seconds);
  }
}

void Generator::AppendDelete(std::string* out, uint64_t number) {
  BeginCommand(out, 1, "DEL");
  AppendKey(out, "key:", number);
}

// The small hash of the benchmarks: a user record of five fields.
void Generator::AppendUserHash(std::string* out, uint64_t number) {
  BeginCommand(out, 11, "HSET");
  AppendKey(out, "user:", number);
  AppendBulk(out, "name");
  AppendRandomBulk(out, &random_, 10);
  AppendBulk(out, "email");
  AppendRandomBulk(out, &random_, 20);
  AppendBulk(out, "age");
  AppendNumberBulk(out, 18 + random_.Below(80));
  AppendBulk(out, "city");
  AppendRandomBulk(out, &random_, 8);
  AppendBulk(out, "visits");
  AppendNumberBulk(out, random_.Below(100'000));
}

Generator::Type Generator::FurthestBehind() const {
  size_t behind = 0;
  for (size_t i = 1; i < kShares.size(); ++i) {
    const uint64_t mine = produced_[i].small_bytes + produced_[i].large_bytes;
    const uint64_t least = produced_[behind].small_bytes + produced_[behind].large_bytes;
    if (mine * kShares[behind] < least * kShares[i]) behind = i;
  }
  return static_cast<Type>(behind);
}

// Chooses the type and size class that lag most behind their share of the payload.
void Generator::AppendMixedKey(std::string* out) {
  const Type type = FurthestBehind();
  Produced& produced = produced_[static_cast<size_t>(type)];
  const bool large = produced.large_bytes < produced.small_bytes;
  const uint64_t number = TakeNumber();
  const size_t before = out->size();
  if (type == Type::kString) {
    AppendString(out, number, large ? kLargeStringBytes : kSmallStringBytes);
  } else if (type == Type::kHash && !large) {
    AppendUserHash(out, number);
  } else {
    AppendAggregate(out, type, large, number);
  }
  const uint64_t size_bytes = out->size() - before;
  (large ? produced.large_bytes : produced.small_bytes) += size_bytes;
  produced_bytes_ += size_bytes;
}

void Generator::AppendAggregate(std::string* out, Type type, bool large, uint64_t number) {
  struct Shape {
    std::string_view name;
    uint64_t arguments_per_element;
  };
  constexpr std::array<Shape, 6> kShapes = {
      {{"SET", 1}, {"HSET", 2}, {"ZADD", 2}, {"SADD", 1}, {"RPUSH", 1}, {"XADD", 5}}};
  const Shape& shape = kShapes[static_cast<size_t>(type)];
  const uint64_t element_count = large ? kLargeElements : kSmallElements;
  const uint64_t per_command = type == Type::kStream ? 1 : kElementsPerCommand;
  for (uint64_t done = 0; done < element_count; done += per_command) {
    const uint64_t count = std::min(per_command, element_count - done);
    BeginCommand(out, 1 + count * shape.arguments_per_element, shape.name);
    AppendKey(out, "key:", number);
    for (uint64_t i = 0; i < count; ++i) AppendElement(out, type, done + i);
  }
}

void Generator::AppendElement(std::string* out, Type type, uint64_t index) {
  switch (type) {
    case Type::kSortedSet:
      AppendNumberBulk(out, random_.Below(1'000'000));
      break;
    case Type::kHash:
      AppendKey(out, "field:", index);
      break;
    case Type::kStream:
      AppendNumberBulk(out, index + 1);  // An id of our own: the same file twice is an error, never other data.
      AppendBulk(out, "sensor");
      AppendNumberBulk(out, random_.Below(1000));
      AppendBulk(out, "reading");
      break;
    default:
      break;
  }
  AppendRandomBulk(out, &random_, kElementBytes);
}

}  // namespace cachenode::bench
