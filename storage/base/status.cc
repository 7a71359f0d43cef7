#include "storage/base/status.h"

namespace cachenode {

struct Status::Detail {
  Err code;
  std::string text;
};

Status Status::WithText(Err code, std::string text) {
  Status status;
  status.word_ = reinterpret_cast<uintptr_t>(new Detail{code, std::move(text)});
  return status;
}

Err Status::code() const noexcept {
  if (HasText()) return reinterpret_cast<const Detail*>(word_)->code;  // NOLINT(performance-no-int-to-ptr): see word_.
  return static_cast<Err>(word_ >> 1);
}

std::string_view Status::text() const noexcept {
  if (!HasText()) return {};
  return reinterpret_cast<const Detail*>(word_)->text;  // NOLINT(performance-no-int-to-ptr): see word_.
}

Status Status::WithContext(std::string_view context) && {
  if (ok()) return Ok();
  std::string joined(context);
  const std::string_view own = text();
  if (!own.empty()) joined.append(": ").append(own);
  return WithText(code(), std::move(joined));
}

void Status::FreeText() noexcept {
  delete reinterpret_cast<Detail*>(word_);  // NOLINT(performance-no-int-to-ptr): see word_.
  word_ = 0;
}

}  // namespace cachenode
