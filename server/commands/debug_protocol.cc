#include "server/commands/debug_protocol.h"

#include <string_view>

#include "protocol/resp_writer.h"
#include "server/command_context.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

void WriteArray(RespWriter& reply) {
  reply.ArrayHeader(3);
  for (int i = 0; i < 3; ++i) reply.Integer(i);
}

void WriteSet(RespWriter& reply) {
  reply.SetHeader(3);
  for (int i = 0; i < 3; ++i) reply.Integer(i);
}

void WriteMap(RespWriter& reply) {
  reply.MapHeader(3);
  for (int i = 0; i < 3; ++i) {
    reply.Integer(i);
    reply.Bool(i == 1);
  }
}

void WriteAttribute(RespWriter& reply) {
  if (reply.AttributeHeader(1)) {
    reply.Bulk("key-popularity");
    reply.ArrayHeader(2);
    reply.Bulk("key:123");
    reply.Integer(90);
  }
  reply.Bulk("Some real reply following the attribute");
}

void WritePush(RespWriter& reply) {
  reply.PushHeader(2);
  reply.Bulk("server-cpu-usage");
  reply.Integer(42);
  reply.Bulk("Some real reply following the push reply");
}

struct ProtocolRow {
  std::string_view name;
  void (*write)(RespWriter& reply);
  bool resp3_only = false;
};

constexpr ProtocolRow kRows[] = {
    {"string", [](RespWriter& reply) { reply.Bulk("Hello World"); }},
    {"integer", [](RespWriter& reply) { reply.Integer(12345); }},
    {"double", [](RespWriter& reply) { reply.Double(3.141); }},
    {"null", [](RespWriter& reply) { reply.Null(); }},
    {"array", WriteArray},
    {"set", WriteSet},
    {"map", WriteMap},
    {"attrib", WriteAttribute},
    {"push", WritePush, true},
    {"verbatim", [](RespWriter& reply) { reply.Verbatim("txt", "This is a verbatim\nstring"); }},
    {"true", [](RespWriter& reply) { reply.Bool(true); }},
    {"false", [](RespWriter& reply) { reply.Bool(false); }},
    {"bignum", [](RespWriter& reply) { reply.BigNumber("1234567999999999999999999999999999999"); }},
};

}  // namespace

Status DebugProtocol(CommandContext& context, Args args) {
  RespWriter& reply = context.reply();
  for (const ProtocolRow& row : kRows) {
    if (!EqualsIgnoreCase(row.name, args[2])) continue;
    if (row.resp3_only && !reply.IsResp3()) return Status::Text("ERR RESP2 is not supported by this command");
    row.write(reply);
    return Status::Ok();
  }
  return Status::Text(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

}  // namespace cachenode
