#include "server/mailbox.h"

namespace cachenode {

Mailbox::~Mailbox() {
  Collect();
  Destroy(oldest_);
}

void Mailbox::Post(std::unique_ptr<Letter> letter) { Push(letter.release()); }

bool Mailbox::TryPost(std::unique_ptr<Letter> letter, size_t size_bytes) {
  const size_t before = waiting_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  if (before + size_bytes > kBytesMax) {
    waiting_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    return false;
  }
  letter->size_bytes_ = size_bytes;
  Push(letter.release());
  return true;
}

void Mailbox::Push(Letter* letter) {
  letter->next_ = newest_.load(std::memory_order_relaxed);
  while (!newest_.compare_exchange_weak(letter->next_, letter, std::memory_order_release, std::memory_order_relaxed)) {
  }
  // Sequentially consistent: either the reader's Drain, which clears the flag first, sees the letter, or this
  // exchange sees the cleared flag and wakes it.
  if (!awake_.exchange(true, std::memory_order_seq_cst)) wake_();
}

bool Mailbox::Drain(Worker& worker) {
  awake_.exchange(false, std::memory_order_seq_cst);
  Collect();
  for (size_t count = 0; oldest_ != nullptr && count < kLettersPerTurn; ++count) {
    std::unique_ptr<Letter> letter(oldest_);
    oldest_ = letter->next_;
    if (oldest_ == nullptr) last_ = nullptr;
    if (letter->size_bytes_ != 0) waiting_bytes_.fetch_sub(letter->size_bytes_, std::memory_order_relaxed);
    letter->Deliver(worker);
  }
  return oldest_ != nullptr;
}

// Moves what was posted behind what is collected already, oldest first.
void Mailbox::Collect() {
  Letter* newest = newest_.exchange(nullptr, std::memory_order_seq_cst);
  if (newest == nullptr) return;
  Letter* reversed = nullptr;
  for (Letter* letter = newest; letter != nullptr;) {
    Letter* older = letter->next_;
    letter->next_ = reversed;
    reversed = letter;
    letter = older;
  }
  if (last_ == nullptr) {
    oldest_ = reversed;
  } else {
    last_->next_ = reversed;
  }
  last_ = newest;
}

void Mailbox::Destroy(Letter* first) {
  while (first != nullptr) {
    const std::unique_ptr<Letter> letter(first);
    first = letter->next_;
  }
}

}  // namespace cachenode
