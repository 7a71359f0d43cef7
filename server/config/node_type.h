// Node types: names for sizes of a node, as a managed cache service sells them (conf/node-types.tsv), and "custom".
//
// Thread-safety: constant data; the functions are pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace cachenode {

inline constexpr std::string_view kCustomNodeType = "custom";

struct NodeType {
  std::string_view name;        // "cache.m5.large"
  std::string_view generation;  // "current", "previous"
  int64_t vcpus = 0;            // 0: as many as the machine has.
  uint64_t memory_bytes = 0;    // 0: no limit of its own.
  uint64_t replica_buffer_bytes = 0;
  std::string_view engine;  // The first engine version: "3.2.4"; "-": any.
  bool backups = true;      // Whether named snapshots may be made.
};

// In the order of the table, custom last.
std::span<const NodeType> NodeTypes();
// In any letter case. Null when there is none.
const NodeType* FindNodeType(std::string_view name);
// "no node type is called ...; did you mean ...?", for a name that was not found.
std::string UnknownNodeTypeText(std::string_view name);
// The type of a node with this configuration.
const NodeType& NodeTypeOf(const Config& config);
// Whether a node with this configuration may have named snapshots; SAVE and BGSAVE always work.
[[nodiscard]] inline bool NodeMayBackUp(const Config& config) { return NodeTypeOf(config).backups; }

// What keys and buffers may take on this node: the type's memory less the reserve. For custom: maxmemory as it is.
[[nodiscard]] uint64_t NodeMemoryForKeys(const Config& config);
// Sets what the type decides: maxmemory and the output limits of replicas. Nothing for custom.
void ApplyNodeType(Config& config);
// Why a node with this configuration cannot run on a machine (or in a control group) of `memory_bytes`, or empty.
// 0: the machine's memory is not known.
[[nodiscard]] std::string NodeTypeProblem(const Config& config, uint64_t memory_bytes);

}  // namespace cachenode
