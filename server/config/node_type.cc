#include "server/config/node_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "server/config/embedded_rows.h"
#include "server/config/nearest_name.h"
#include "storage/base/bytes.h"
#include "storage/base/numbers.h"

namespace cachenode {
namespace {

[[maybe_unused]] constexpr size_t kColumns = 7;  // Asserted only.
constexpr double kGib = 1024.0 * 1024 * 1024;

uint64_t Number(std::string_view text) {
  uint64_t value = 0;
  const bool parsed = TryParseUint64(text, value);
  assert(parsed && "conf/node-types.tsv has a cell that is no number");
  return parsed ? value : 0;
}

std::vector<NodeType> ReadTypes() {
  std::vector<NodeType> types;
  for (const std::vector<std::string_view>& row : EmbeddedRows("node-types.tsv")) {
    assert(row.size() == kColumns);
    types.push_back({row[0], row[1], static_cast<int64_t>(Number(row[2])), Number(row[3]), Number(row[4]), row[5],
                     row[6] == "yes"});
  }
  types.push_back({kCustomNodeType, "-", 0, 0, 0, "-", true});
  return types;
}

// Whether the engine is at least "3.2.4": its line decides, not its patch number.
bool RunsEngine(const NodeType& type, const EngineVersion& engine) {
  if (type.engine == "-") return true;
  const size_t first = type.engine.find('.');
  const size_t second = type.engine.find('.', first + 1);
  const int major = static_cast<int>(Number(type.engine.substr(0, first)));
  const int minor = static_cast<int>(Number(type.engine.substr(first + 1, second - first - 1)));
  return engine.AtLeast(major, minor);
}

}  // namespace

std::span<const NodeType> NodeTypes() {
  static const std::vector<NodeType> types = ReadTypes();  // An index over constant data, not state.
  return types;
}

const NodeType* FindNodeType(std::string_view name) {
  const std::string lower = LowerCased(name);
  const auto types = NodeTypes();
  const auto found = std::ranges::find(types, std::string_view(lower), &NodeType::name);
  return found == types.end() ? nullptr : &*found;
}

std::string UnknownNodeTypeText(std::string_view name) {
  std::vector<std::string_view> names;
  for (const NodeType& type : NodeTypes()) names.push_back(type.name);
  const std::string_view nearest = NearestName(name, names);
  return fmt::format("no node type is called '{}'{}; 'cachenode node-types' lists them", name,
                     nearest.empty() ? std::string() : fmt::format(", did you mean '{}'?", nearest));
}

const NodeType& NodeTypeOf(const Config& config) {
  const NodeType* type = FindNodeType(config.cache_node_type);
  return type != nullptr ? *type : NodeTypes().back();  // Null only for a Config that nobody filled.
}

uint64_t NodeMemoryForKeys(const Config& config) {
  const uint64_t memory = NodeTypeOf(config).memory_bytes;
  if (memory == 0) return config.maxmemory;
  if (config.reserved_memory != 0) return memory - static_cast<uint64_t>(config.reserved_memory);
  // As the service rounds: 3461349376 less 25 % is 2596012032.
  return memory - memory / 100 * static_cast<uint64_t>(config.reserved_memory_percent) -
         memory % 100 * static_cast<uint64_t>(config.reserved_memory_percent) / 100;
}

void ApplyNodeType(Config& config) {
  const NodeType& type = NodeTypeOf(config);
  if (type.memory_bytes == 0) return;
  config.maxmemory = NodeMemoryForKeys(config);
  OutputBufferLimit& replica = config.client_output_buffer_limit[static_cast<size_t>(OutputClass::kReplica)];
  replica.hard_bytes = type.replica_buffer_bytes;
  replica.soft_bytes = type.replica_buffer_bytes;
}

std::string NodeTypeProblem(const Config& config, uint64_t memory_bytes) {
  const NodeType& type = NodeTypeOf(config);
  if (type.memory_bytes == 0) return {};
  if (!RunsEngine(type, config.engine_version)) {
    return fmt::format("{} runs engine version {} and newer, engine-version is {}", type.name, type.engine,
                       config.engine_version.Text());
  }
  if (static_cast<uint64_t>(config.reserved_memory) >= type.memory_bytes || config.reserved_memory_percent >= 100) {
    return fmt::format("the reserve takes all of the {} bytes of {}; lower reserved-memory or reserved-memory-percent",
                       type.memory_bytes, type.name);
  }
  if (memory_bytes == 0 || type.memory_bytes <= memory_bytes) return {};
  return fmt::format(
      "{} has {:.2f} GiB of memory, this machine or its control group only {:.2f} GiB; take a smaller type, or custom "
      "with a maxmemory",
      type.name, static_cast<double>(type.memory_bytes) / kGib, static_cast<double>(memory_bytes) / kGib);
}

}  // namespace cachenode
