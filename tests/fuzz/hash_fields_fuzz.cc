// Hostile bytes as the listpack of a hash: refused as corrupt, or a hash that reads, changes and expires like any.
// The first byte chooses pairs or triples, and low limits or the usual ones.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/keyspace.h"
#include "storage/value/hash_value.h"
#include "storage/value/listpack.h"
#include "storage/value/value_limits.h"

namespace cachenode {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

void Check(bool holds) {
  if (!holds) std::abort();
}

// Every field is found by its name, and the earliest deadline is none's secret.
void CheckRead(const HashView& view) {
  size_t count = 0;
  int64_t earliest_ms = kNoFieldDeadline;
  view.ForEach([&](const HashField& field) {
    HashScratch scratch;
    HashField found;
    Check(view.Find(field.name, found, scratch) && found.value == field.value);
    if (field.expire_at_ms >= 0 && field.expire_at_ms < earliest_ms) earliest_ms = field.expire_at_ms;
    ++count;
    return true;
  });
  Check(count == view.Count() && view.EarliestDeadlineMs() <= earliest_ms);
  Check(view.HasDeadlines() == (earliest_ms != kNoFieldDeadline));
}

void Read(std::string_view listpack, bool triples) {
  size_t count = 0;
  if (!IsValidListpack(listpack, count)) return;
  HashBuilder builder;
  if (!builder.AddListpack(listpack, triples).ok() || builder.Count() == 0) return;
  Keyspace keyspace({.shard_count = 1, .database_count = 1});
  AccessContext context;
  context.SetNow(kNowMs);
  KeySlot slot = keyspace.Locate(0, "hash", context);
  Check(builder.Finish(slot, Expiry::kClear).ok());
  CheckRead(HashView::Of(slot));
  Check(HashValue(slot).Set("one more", "value", Expiry::At(kNowMs + 1)).ok());
  CheckRead(HashView::Of(slot));
  Shard& shard = keyspace.shard(0);
  shard.AssertHeld();
  context.SetNow(kNowMs + 1);
  while (shard.EarliestExpiryMs() <= context.now_ms) Check(shard.ExpireSlice(context, 64) > 0);
  KeySlot left = keyspace.Locate(0, "hash", context);
  if (left.Exists()) CheckRead(HashView::Of(left));
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  cachenode::value_limits.hash_max_listpack_entries = (data[0] & 2U) != 0 ? 2 : 512;
  cachenode::Read({reinterpret_cast<const char*>(data) + 1, size - 1}, (data[0] & 1U) != 0);
  return 0;
}
