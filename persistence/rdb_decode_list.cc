// Lists from RDB: elements, a ziplist, nodes of ziplists (quicklist), nodes of listpacks and single elements
// (quicklist 2).
#include <utility>

#include "persistence/rdb_value_decoders.h"
#include "storage/base/byte_block.h"
#include "storage/value/list_value.h"

namespace cachenode {
namespace {

constexpr uint64_t kPlainNode = 1;
constexpr uint64_t kPackedNode = 2;
constexpr uint64_t kElementBytesMin = 1;
constexpr uint64_t kNodeBytesMin = 2;

class ListDecoder {
 public:
  explicit ListDecoder(RdbInput& input) noexcept : input_(input) {}

  [[nodiscard]] bool ReadAll(const RdbTypeInfo& type) {
    uint64_t count = 0;
    switch (type.type) {
      case RdbType::kListZiplist:
        return ReadNode(PackedForm::kZiplist);
      case RdbType::kList:
        return input_.ReadCount(count, kElementBytesMin) && Repeat(count, [this] { return ReadElement(); });
      case RdbType::kListQuicklist:
        return input_.ReadCount(count, kElementBytesMin) &&
               Repeat(count, [this] { return ReadNode(PackedForm::kZiplist); });
      default:
        return input_.ReadCount(count, kNodeBytesMin) && Repeat(count, [this] { return ReadAnyNode(); });
    }
  }
  [[nodiscard]] ListBuilder& builder() noexcept { return builder_; }
  [[nodiscard]] Status TakeStatus() noexcept {
    return input_.failed() ? input_.TakeStatus() : Status(Err::kOutOfMemory);
  }

 private:
  template <typename ReadOne>
  static bool Repeat(uint64_t count, const ReadOne& read_one) {
    for (uint64_t i = 0; i < count; ++i) {
      if (!read_one()) return false;
    }
    return true;
  }

  [[nodiscard]] bool ReadElement() {
    RdbString text;
    return input_.Read([&text](RdbCursor& at) { return at.ReadString(text); }) && AddElement(text);
  }
  [[nodiscard]] bool AddElement(const RdbString& text) {
    if (text.IsForBlock()) return AddLarge(text);
    std::string_view element;
    if (!text.View(scratch_, element)) return input_.Fail("a compressed string cannot be decompressed");
    return builder_.Append(element);
  }
  [[nodiscard]] bool AddLarge(const RdbString& text) {
    bool is_valid = true;
    ByteBlockRef block = text.ReadIntoBlock(is_valid);
    if (!is_valid) return input_.Fail("a compressed string cannot be decompressed");
    if (!block) return false;
    return builder_.AppendBlock(std::move(block));
  }
  [[nodiscard]] bool ReadNode(PackedForm form) {
    std::string_view listpack;
    return ReadPackedBlob(input_, form, "List", scratch_, listpack) && builder_.AppendListpack(listpack);
  }
  // A node of its own is for large elements: an empty one is damage.
  [[nodiscard]] bool ReadPlainNode() {
    RdbString text;
    if (!input_.Read([&text](RdbCursor& at) { return at.ReadString(text); })) return false;
    const bool is_empty = text.form == RdbString::Form::kRaw && text.bytes.empty();
    return is_empty ? input_.Fail("an empty list node") : AddElement(text);
  }
  [[nodiscard]] bool ReadAnyNode() {
    uint64_t container = 0;
    if (!input_.ReadLength(container)) return false;
    if (container == kPlainNode) return ReadPlainNode();
    return container == kPackedNode ? ReadNode(PackedForm::kListpack) : input_.Fail("unknown container of a list node");
  }

  RdbInput& input_;
  ListBuilder builder_;
  std::string scratch_;
};

}  // namespace

Result<bool> DecodeRdbList(const RdbTypeInfo& type, RdbInput& input, RdbInstall install) {
  ListDecoder decoder(input);
  if (!decoder.ReadAll(type)) return decoder.TakeStatus();
  return InstallBuilt(decoder.builder(), install);
}

}  // namespace cachenode
