#include "server/commands/command_replies.h"

#include <bit>
#include <span>
#include <string>

#include "server/commands/argument_grammar.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

constexpr NamedBit kFlagNames[] = {
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubSub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowlog, "skip_slowlog"},
    {kAsking, "asking"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kMayReplicate, "may_replicate"},
    {kNoMandatoryKeys, "no_mandatory_keys"},
    {kNoAsyncLoading, "no_async_loading"},
    {kNoMulti, "no_multi"},
    {kMovableKeys, "movablekeys"},
    {kAllowBusy, "allow_busy"},
};

constexpr NamedBit kCategoryNames[] = {
    {kAclKeyspace, "@keyspace"},
    {kAclRead, "@read"},
    {kAclWrite, "@write"},
    {kAclSet, "@set"},
    {kAclSortedSet, "@sortedset"},
    {kAclList, "@list"},
    {kAclHash, "@hash"},
    {kAclString, "@string"},
    {kAclBitmap, "@bitmap"},
    {kAclHyperLogLog, "@hyperloglog"},
    {kAclGeo, "@geo"},
    {kAclStream, "@stream"},
    {kAclPubSub, "@pubsub"},
    {kAclAdmin, "@admin"},
    {kAclFast, "@fast"},
    {kAclSlow, "@slow"},
    {kAclBlocking, "@blocking"},
    {kAclDangerous, "@dangerous"},
    {kAclConnection, "@connection"},
    {kAclTransaction, "@transaction"},
    {kAclScripting, "@scripting"},
};

constexpr NamedBit kKeyFlagNames[] = {
    {kKeyReadOnly, "RO"},
    {kKeyReadWrite, "RW"},
    {kKeyOverwrite, "OW"},
    {kKeyRemove, "RM"},
    {kKeyAccess, "access"},
    {kKeyUpdate, "update"},
    {kKeyInsert, "insert"},
    {kKeyDelete, "delete"},
    {kKeyNotKey, "not_key"},
    {kKeyIncomplete, "incomplete"},
    {kKeyVariableFlags, "variable_flags"},
};

constexpr std::string_view kGroupNames[] = {
    "generic", "string",    "list",        "set",     "sorted-set", "hash", "pubsub", "transactions", "connection",
    "server",  "scripting", "hyperloglog", "cluster", "sentinel",   "geo",  "stream", "bitmap",       "module",
};

void WriteBits(RespWriter& reply, std::span<const NamedBit> names, uint32_t bits) {
  size_t count = 0;
  for (const NamedBit& named : names) count += (bits & named.bit) != 0 ? 1 : 0;
  reply.SetHeader(count);
  for (const NamedBit& named : names) {
    if ((bits & named.bit) != 0) reply.SimpleString(named.name);
  }
}

void WriteTips(RespWriter& reply, std::string_view tips, bool as_set) {
  size_t count = tips.empty() ? 0 : 1;
  for (const char c : tips) count += c == ',' ? 1 : 0;
  if (as_set) {
    reply.SetHeader(count);
  } else {
    reply.ArrayHeader(count);
  }
  while (!tips.empty()) {
    const size_t comma = std::min(tips.find(','), tips.size());
    reply.Bulk(tips.substr(0, comma));
    tips.remove_prefix(std::min(comma + 1, tips.size()));
  }
}

void WriteBeginSearch(RespWriter& reply, const KeySpec& spec) {
  reply.MapHeader(2);
  reply.Bulk("type");
  if (spec.begin == KeySpec::Begin::kUnknown) {
    reply.Bulk("unknown");
    reply.Bulk("spec");
    reply.MapHeader(0);
    return;
  }
  if (spec.begin == KeySpec::Begin::kIndex) {
    reply.Bulk("index");
    reply.Bulk("spec");
    reply.MapHeader(1);
    reply.Bulk("index");
    reply.Integer(spec.begin_index);
    return;
  }
  reply.Bulk("keyword");
  reply.Bulk("spec");
  reply.MapHeader(2);
  reply.Bulk("keyword");
  reply.Bulk(spec.keyword);
  reply.Bulk("startfrom");
  reply.Integer(spec.begin_index);
}

void WriteThreeNumbers(RespWriter& reply, std::span<const std::string_view, 3> names, int64_t a, int64_t b, int64_t c) {
  reply.MapHeader(3);
  reply.Bulk(names[0]);
  reply.Integer(a);
  reply.Bulk(names[1]);
  reply.Integer(b);
  reply.Bulk(names[2]);
  reply.Integer(c);
}

void WriteFindKeys(RespWriter& reply, const KeySpec& spec) {
  static constexpr std::string_view kRangeNames[3] = {"lastkey", "keystep", "limit"};
  static constexpr std::string_view kCountNames[3] = {"keynumidx", "firstkey", "keystep"};
  reply.MapHeader(2);
  reply.Bulk("type");
  if (spec.find == KeySpec::Find::kUnknown) {
    reply.Bulk("unknown");
    reply.Bulk("spec");
    reply.MapHeader(0);
  } else if (spec.find == KeySpec::Find::kRange) {
    reply.Bulk("range");
    reply.Bulk("spec");
    WriteThreeNumbers(reply, kRangeNames, spec.last_key, spec.step, spec.limit);
  } else {
    reply.Bulk("keynum");
    reply.Bulk("spec");
    WriteThreeNumbers(reply, kCountNames, spec.limit, spec.last_key, spec.step);
  }
}

void WriteKeySpecs(RespWriter& reply, const KeySpecs& specs) {
  reply.SetHeader(specs.count);
  for (const KeySpec& spec : specs.all()) {
    reply.MapHeader(3);
    reply.Bulk("flags");
    WriteKeyFlags(reply, spec.flags);
    reply.Bulk("begin_search");
    WriteBeginSearch(reply, spec);
    reply.Bulk("find_keys");
    WriteFindKeys(reply, spec);
  }
}

void WriteText(RespWriter& reply, std::string_view name, std::string_view text) {
  reply.Bulk(name);
  reply.Bulk(text);
}

void WriteArguments(RespWriter& reply, const std::vector<ArgumentNode>& nodes);

void WriteArgumentFlags(RespWriter& reply, const ArgumentNode& node) {
  reply.Bulk("flags");
  reply.SetHeader(static_cast<size_t>(node.optional) + static_cast<size_t>(node.multiple) +
                  static_cast<size_t>(node.multiple_token));
  if (node.optional) reply.SimpleString("optional");
  if (node.multiple) reply.SimpleString("multiple");
  if (node.multiple_token) reply.SimpleString("multiple_token");
}

void WriteArgument(RespWriter& reply, const ArgumentNode& node) {
  const bool has_flags = node.optional || node.multiple;
  const bool has_text = node.children.empty() && node.type != "oneof" && node.type != "block";
  const size_t pairs = 2 + (has_text ? 1U : 0U) + (node.key_spec_index >= 0 ? 1U : 0U) + (node.has_token ? 1U : 0U) +
                       (node.since.empty() ? 0U : 1U) + (has_flags ? 1U : 0U) + (node.children.empty() ? 0U : 1U);
  reply.MapHeader(pairs);
  WriteText(reply, "name", node.name);
  WriteText(reply, "type", node.type);
  if (has_text) WriteText(reply, "display_text", node.name);
  if (node.key_spec_index >= 0) {
    reply.Bulk("key_spec_index");
    reply.Integer(node.key_spec_index);
  }
  if (node.has_token) WriteText(reply, "token", node.token);
  if (!node.since.empty()) WriteText(reply, "since", node.since);
  if (has_flags) WriteArgumentFlags(reply, node);
  if (!node.children.empty()) WriteArguments(reply, node.children);
}

void WriteArguments(RespWriter& reply, const std::vector<ArgumentNode>& nodes) {
  reply.Bulk("arguments");
  reply.ArrayHeader(nodes.size());
  for (const ArgumentNode& node : nodes) WriteArgument(reply, node);
}

void WriteHistory(RespWriter& reply, std::string_view history) {
  size_t count = 1;
  for (const char c : history) count += c == '|' ? 1 : 0;
  reply.Bulk("history");
  reply.SetHeader(count);
  while (!history.empty()) {
    const size_t bar = std::min(history.find('|'), history.size());
    const std::string_view item = history.substr(0, bar);
    const size_t blank = std::min(item.find(' '), item.size());
    reply.ArrayHeader(2);
    reply.Bulk(item.substr(0, blank));
    reply.Bulk(item.substr(std::min(blank + 1, item.size())));
    history.remove_prefix(std::min(bar + 1, history.size()));
  }
}

void WriteDeprecation(RespWriter& reply, const CommandDoc& doc) {
  reply.Bulk("doc_flags");
  reply.SetHeader(1);
  reply.SimpleString("deprecated");
  WriteText(reply, "deprecated_since", doc.deprecated_since);
  if (!doc.replaced_by.empty()) WriteText(reply, "replaced_by", doc.replaced_by);
}

}  // namespace

std::span<const NamedBit> CommandFlagNames() { return kFlagNames; }
std::span<const NamedBit> AclCategoryNames() { return kCategoryNames; }
std::span<const NamedBit> KeyFlagNames() { return kKeyFlagNames; }

void WriteKeyFlags(RespWriter& reply, uint16_t flags) { WriteBits(reply, kKeyFlagNames, flags); }

uint32_t AclCategoryByName(std::string_view name) {
  for (const NamedBit& named : kCategoryNames) {
    if (EqualsIgnoreCase(named.name.substr(1), name)) return named.bit;
  }
  return 0;
}

void WriteCommandInfo(RespWriter& reply, const Command& command) {
  reply.ArrayHeader(10);
  reply.Bulk(command.full_name);
  reply.Integer(command.arity);
  WriteBits(reply, kFlagNames, command.flags);
  reply.Integer(command.first_key);
  reply.Integer(command.last_key);
  reply.Integer(command.key_step);
  WriteBits(reply, kCategoryNames, command.acl_categories);
  WriteTips(reply, command.spec->doc.tips, true);
  WriteKeySpecs(reply, command.spec->keys);
  reply.SetHeader(command.subcommands.size());
  for (const auto& sub : command.subcommands) WriteCommandInfo(reply, *sub);
}

void WriteCommandDoc(RespWriter& reply, const Command& command) {
  const CommandDoc& doc = command.spec->doc;
  const Result<std::vector<ArgumentNode>> arguments = ParseArgumentGrammar(doc.arguments);
  const bool has_arguments = arguments && !arguments->empty();
  const size_t deprecation = doc.deprecated_since.empty() ? 0U : 2U + (doc.replaced_by.empty() ? 0U : 1U);
  reply.Bulk(command.full_name);
  reply.MapHeader(4 + deprecation + (doc.history.empty() ? 0U : 1U) + (has_arguments ? 1U : 0U) +
                  (command.subcommands.empty() ? 0U : 1U));
  WriteText(reply, "summary", doc.summary);
  WriteText(reply, "since", doc.since);
  WriteText(reply, "group", kGroupNames[static_cast<size_t>(command.spec->group)]);
  WriteText(reply, "complexity", doc.complexity);
  if (deprecation != 0) WriteDeprecation(reply, doc);
  if (!doc.history.empty()) WriteHistory(reply, doc.history);
  if (has_arguments) WriteArguments(reply, *arguments);
  if (command.subcommands.empty()) return;
  reply.Bulk("subcommands");
  reply.MapHeader(command.subcommands.size());
  for (const auto& sub : command.subcommands) WriteCommandDoc(reply, *sub);
}

}  // namespace cachenode
