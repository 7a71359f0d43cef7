#include "server/command_context.h"

#include <array>

#include "server/config/config_store.h"
#include "server/node_state.h"
#include "server/server_control.h"
#include "storage/base/bytes.h"

namespace cachenode {
namespace {

uint64_t KernelSeed() {
  std::array<unsigned char, 8> bytes{};
  FillWithKernelRandom(bytes);
  return LoadLittleEndian<uint64_t>(bytes.data());
}

}  // namespace

CommandContext::CommandContext(const ServerParts& parts, WorkerStats& stats, uint32_t worker_index)
    : parts_(parts),
      stats_(stats),
      worker_index_(worker_index),
      events_(stats, parts.state->key_interest, worker_index, parts.key_listeners),
      random_(KernelSeed()) {
  access_.observer = &events_;
  access_.random = &random_;
}

void CommandContext::BeginTurn(int64_t now_ms) {
  config_ = &parts_.config->Current();
  access_.SetNow(now_ms);
  const bool paused = parts_.control != nullptr && parts_.control->WritesArePausedAt(now_ms);
  access_.expired = paused ? ExpiredKeys::kHide : ExpiredKeys::kErase;
  access_.recency = RecencyOf(config_->maxmemory_policy);
  access_.lfu_options = {static_cast<int>(config_->lfu_log_factor), static_cast<int>(config_->lfu_decay_time)};
  inspect_access_ = access_;
  inspect_access_.touch = false;
}

void CommandContext::Bind(Session& session) {
  session_ = &session;
  events_.SetClient(session.caller != nullptr ? session.caller : &session);
  access_.touch = !session.no_touch;
  reply_.emplace(session.replies, session.resp_version == 3 ? RespVersion::kResp3 : RespVersion::kResp2);
  reply_->SetDoubleRule(config_->engine_version.double_rule());
}

CommandContext::Suspended CommandContext::Suspend(Session& session) {
  Suspended outer{session_, command_, keys_, key_cursor_, *reply_};
  Bind(session);
  ++depth_;
  return outer;
}

void CommandContext::Restore(const Suspended& outer) {
  --depth_;
  Bind(*outer.session);
  command_ = outer.command;
  keys_ = outer.keys;
  key_cursor_ = outer.key_cursor;
  reply_.emplace(outer.reply);
}

}  // namespace cachenode
