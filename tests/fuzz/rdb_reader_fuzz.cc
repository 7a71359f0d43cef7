// The RDB reader on hostile bytes: it ends, with records that lie inside their batch or with an error that says why.
// The first byte of the input picks how large the reads and blocks are.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "persistence/rdb_reader.h"
#include "tests/support/persistence/memory_stream.h"

namespace cachenode {
namespace {

class Observer final : public RdbObserver {
 public:
  void OnAux(std::string_view name, std::string_view value) override { bytes_ += name.size() + value.size(); }
  void OnResizeDb(uint32_t, uint64_t, uint64_t) override {}
  Status OnFunction(std::string_view source) override {
    bytes_ += source.size();
    return Status::Ok();
  }

 private:
  size_t bytes_ = 0;
};

void CheckRecords(RdbBatch& batch) {
  const char* begin = batch.block.data();
  for (const RdbRecord& record : batch.records) {
    if (record.type == nullptr) std::abort();
    if (record.value.empty()) continue;
    if (record.value.data() < begin || record.value.data() + record.value.size() > begin + batch.block.capacity()) {
      std::abort();
    }
  }
}

void Read(std::string_view bytes, size_t piece_bytes, size_t block_bytes) {
  MemorySource source(bytes, {.piece_bytes_max = piece_bytes, .size_known = piece_bytes % 2 == 0});
  Observer observer;
  RdbReader reader(source, observer, {.verify_checksum = false, .block_bytes = block_bytes});
  if (!reader.ReadHeader().ok()) return;
  RdbBatch batch;
  for (;;) {
    const Result<bool> more = reader.ReadBatch(batch);
    if (!more.ok()) {
      if (more.status().text().empty()) std::abort();  // A refusal says why.
      return;
    }
    if (!*more) return;
    CheckRecords(batch);
  }
}

}  // namespace
}  // namespace cachenode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  cachenode::Read(bytes, data[0] + size_t{1}, size_t{64} << (data[0] % 12));
  return 0;
}
