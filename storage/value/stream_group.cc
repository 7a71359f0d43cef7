#include "storage/value/stream_group.h"

#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "storage/base/memory.h"

namespace cachenode {

namespace {

// Looking at all records of a map takes as long as erasing one of so many by its id.
constexpr uint64_t kRecordsPerErase = 64;
// For every record that is copied out, so many at least are freed with the old map, elsewhere and a moment later: it is
// memory until then.
constexpr uint64_t kGoingPerCopy = 3;

// Names lie right behind the objects.
template <typename T>
void StoreName(T* object, std::string_view name) noexcept {
  if (!name.empty()) std::memcpy(reinterpret_cast<char*>(object) + sizeof(T), name.data(), name.size());
}
template <typename T>
const char* NameOf(const T* object) noexcept {
  return reinterpret_cast<const char*>(object) + sizeof(T);
}

}  // namespace

// --- Consumer --------------------------------------------------------------------------------------------------------

StreamConsumer::StreamConsumer(std::string_view name, ConsumerNumber number, int64_t now_ms) noexcept
    : name_bytes_(static_cast<uint32_t>(name.size())), number_(number), seen_at_ms_(now_ms) {
  StoreName(this, name);
}

StreamConsumer* StreamConsumer::Create(std::string_view name, ConsumerNumber number, int64_t now_ms) noexcept {
  void* const raw = memory::Allocate(sizeof(StreamConsumer) + name.size());
  return raw == nullptr ? nullptr : new (raw) StreamConsumer(name, number, now_ms);
}

StreamConsumer* StreamConsumer::CloneShallow() const noexcept {
  StreamConsumer* const copy = Create(name(), number_, seen_at_ms_);
  if (copy == nullptr) return nullptr;
  copy->active_at_ms_ = active_at_ms_;
  copy->pending_ = pending_.Share();
  return copy;
}

void StreamConsumer::Drop(StreamConsumer* consumer) noexcept {
  if (!consumer->DropRef()) return;
  const size_t bytes = sizeof(StreamConsumer) + consumer->name_bytes_;
  consumer->~StreamConsumer();
  memory::Free(consumer, bytes);
}

std::string_view StreamConsumer::name() const noexcept { return {NameOf(this), name_bytes_}; }

size_t StreamConsumer::memory_bytes() const noexcept {
  return sizeof(StreamConsumer) + name_bytes_ + pending_.memory_bytes();
}

// --- Group -----------------------------------------------------------------------------------------------------------

StreamGroup* StreamGroup::Create(std::string_view name, StreamId last_id,
                                 std::optional<uint64_t> entries_read) noexcept {
  void* const raw = memory::Allocate(sizeof(StreamGroup) + name.size());
  if (raw == nullptr) return nullptr;
  auto* const group = new (raw) StreamGroup(static_cast<uint32_t>(name.size()), last_id, entries_read);
  StoreName(group, name);
  return group;
}

StreamGroup* StreamGroup::CloneShallow() const noexcept {
  StreamGroup* const copy = Create(name(), last_id_, entries_read_);
  if (copy == nullptr) return nullptr;
  // by_number_ first: by_name_ stands for references, and what fails before it is there is dropped without any.
  if (!copy->by_number_.CopyFrom(by_number_) || !copy->by_name_.CopyFrom(by_name_)) {
    Drop(copy);
    return nullptr;
  }
  for (uint32_t i = 0; i < by_name_.count(); ++i) by_name_.at(i)->AddRef();
  copy->pending_ = pending_.Share();
  copy->consumers_bytes_ = consumers_bytes_;
  return copy;
}

StreamGroup::~StreamGroup() {
  for (uint32_t i = 0; i < by_name_.count(); ++i) StreamConsumer::Drop(by_name_.at(i));
}

void StreamGroup::Drop(StreamGroup* group) noexcept {
  if (!group->DropRef()) return;
  const size_t bytes = sizeof(StreamGroup) + group->name_bytes_;
  group->~StreamGroup();
  memory::Free(group, bytes);
}

std::string_view StreamGroup::name() const noexcept { return {NameOf(this), name_bytes_}; }

size_t StreamGroup::memory_bytes() const noexcept {
  return sizeof(StreamGroup) + name_bytes_ + by_name_.memory_bytes() + by_number_.memory_bytes() +
         pending_.memory_bytes() + consumers_bytes_;
}

const StreamConsumer* StreamGroup::FindConsumer(std::string_view name) const noexcept {
  const auto [index, found] = FindByName(by_name_, name);
  return found ? by_name_.at(index) : nullptr;
}

ConsumerNumber StreamGroup::FreeNumber() const noexcept {
  if (by_name_.count() == by_number_.count()) return by_number_.count();
  ConsumerNumber number = 0;
  while (by_number_.at(number) != nullptr) ++number;
  return number;
}

Result<ConsumerNumber> StreamGroup::AddConsumer(std::string_view name, int64_t now_ms) {
  const ConsumerNumber number = FreeNumber();
  if (!by_name_.Reserve() || !by_number_.Reserve()) return Err::kOutOfMemory;
  StreamConsumer* const consumer = StreamConsumer::Create(name, number, now_ms);
  if (consumer == nullptr) return Err::kOutOfMemory;
  by_name_.Insert(FindByName(by_name_, name).first, consumer);
  if (number == by_number_.count()) {
    by_number_.Insert(number, consumer);
  } else {
    by_number_.Set(number, consumer);
  }
  consumers_bytes_ += consumer->memory_bytes();
  return number;
}

Result<RemovedConsumer> StreamGroup::RemoveConsumer(ConsumerNumber number) {
  RemovedConsumer removed;
  if (Status error = TakeRecordsOf(number, removed.records); !error.ok()) return error;
  removed.consumer.reset(by_number_.at(number));
  consumers_bytes_ -= removed.consumer->memory_bytes();
  by_name_.Erase(FindByName(by_name_, removed.consumer->name()).first);
  by_number_.Set(number, nullptr);
  return removed;
}

Status StreamGroup::TakeRecordsOf(ConsumerNumber number, PendingMap<PendingEntry>& replaced) {
  const uint64_t going = ByNumber(number).pending().count();
  if (going * kRecordsPerErase < pending_.count()) {
    while (ByNumber(number).pending().count() > 0) {
      // From the end, where erasing moves nothing.
      Result<bool> erased = Acknowledge(ByNumber(number).pending().Last().id);
      if (!erased) return erased.error();
    }
    return Status::Ok();
  }
  const uint64_t staying = pending_.count() - going;
  // A map that someone else holds has to be copied in any case.
  if (staying * kGoingPerCopy > going && pending_.IsUnique()) {
    pending_.EraseAll([number](const PendingEntry& entry) { return entry.consumer == number; });
    return Status::Ok();
  }
  PendingMap<PendingEntry> rest;
  const auto stays = [number](const PendingEntry& entry) { return entry.consumer != number; };
  if (staying > 0 && !pending_.CopyPart(stays, rest)) return Err::kOutOfMemory;
  replaced = std::exchange(pending_, std::move(rest));
  return Status::Ok();
}

StreamConsumer* StreamGroup::EditConsumer(ConsumerNumber number) noexcept {
  StreamConsumer* const consumer = by_number_.at(number);
  if (consumer->IsUnique()) [[likely]]
    return consumer;
  StreamConsumer* const copy = consumer->CloneShallow();
  if (copy == nullptr) return nullptr;
  by_name_.Set(FindByName(by_name_, consumer->name()).first, copy);
  by_number_.Set(number, copy);
  StreamConsumer::Drop(consumer);
  return copy;
}

Status StreamGroup::SetTimes(ConsumerNumber number, std::optional<int64_t> seen_at_ms,
                             std::optional<int64_t> active_at_ms) {
  StreamConsumer* const consumer = EditConsumer(number);
  if (consumer == nullptr) return Err::kOutOfMemory;
  if (seen_at_ms) consumer->seen_at_ms_ = *seen_at_ms;
  if (active_at_ms) consumer->active_at_ms_ = *active_at_ms;
  return Status::Ok();
}

bool StreamGroup::AddTo(ConsumerNumber number, StreamId id) noexcept {
  StreamConsumer* const consumer = EditConsumer(number);
  if (consumer == nullptr) return false;
  const size_t before = consumer->pending_.memory_bytes();
  const bool done = consumer->pending_.Insert(PendingId{id});
  consumers_bytes_ += consumer->pending_.memory_bytes() - before;
  return done;
}

void StreamGroup::TakeFrom(ConsumerNumber number, StreamId id) noexcept {
  StreamConsumer* const consumer = by_number_.at(number);
  const size_t before = consumer->pending_.memory_bytes();
  [[maybe_unused]] const bool done = consumer->pending_.Erase(id);
  assert(done);
  consumers_bytes_ += consumer->pending_.memory_bytes() - before;
}

// Makes what a later TakeFrom touches ours alone, so that it cannot fail.
bool StreamGroup::PrepareTake(ConsumerNumber number, StreamId id) noexcept {
  StreamConsumer* const consumer = EditConsumer(number);
  return consumer != nullptr && consumer->pending_.Edit(id) != nullptr;
}

Status StreamGroup::Assign(const PendingEntry& entry) {
  const auto owner = static_cast<ConsumerNumber>(entry.consumer);
  const PendingEntry* const known = pending_.Find(entry.id);
  if (known == nullptr) {
    if (!AddTo(owner, entry.id)) return Err::kOutOfMemory;
    if (pending_.Insert(entry)) return Status::Ok();
    TakeFrom(owner, entry.id);  // Just added, so the nodes are ours alone.
    return Err::kOutOfMemory;
  }
  const auto before = static_cast<ConsumerNumber>(known->consumer);
  PendingEntry* const record = pending_.Edit(entry.id);
  if (record == nullptr) return Err::kOutOfMemory;
  if (before != owner) {
    if (!PrepareTake(before, entry.id) || !AddTo(owner, entry.id)) return Err::kOutOfMemory;
    TakeFrom(before, entry.id);
  }
  *record = entry;
  return Status::Ok();
}

Result<bool> StreamGroup::Acknowledge(StreamId id) {
  const PendingEntry* const known = pending_.Find(id);
  if (known == nullptr) return false;
  const auto owner = static_cast<ConsumerNumber>(known->consumer);
  if (!PrepareTake(owner, id) || !pending_.Erase(id)) return Err::kOutOfMemory;
  TakeFrom(owner, id);
  return true;
}

Result<bool> StreamGroup::AddUnowned(const PendingEntry& entry) {
  if (pending_.Find(entry.id) != nullptr) return false;
  if (!pending_.Insert(entry)) return Err::kOutOfMemory;
  return true;
}

Result<bool> StreamGroup::GiveUnowned(StreamId id, ConsumerNumber number) {
  const PendingEntry* const known = pending_.Find(id);
  if (known == nullptr || known->consumer != kNoConsumer) return false;
  PendingEntry* const record = pending_.Edit(id);
  if (record == nullptr || !AddTo(number, id)) return Err::kOutOfMemory;
  record->consumer = number;
  return true;
}

}  // namespace cachenode
