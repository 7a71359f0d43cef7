#include "server/key_events.h"

namespace cachenode {

void KeyEvents::TellEvent(NotifyFlag event_class, std::string_view event, uint32_t db, std::string_view key) {
  const KeyPlace place{db, key, worker_index_, client_};
  for (KeyEventListener* listener : listeners_) listener->KeyEvent(event_class, event, place);
}

void KeyEvents::TellChange(uint32_t db, std::string_view key) {
  const KeyPlace place{db, key, worker_index_, client_, is_unwatched_};
  for (KeyEventListener* listener : listeners_) listener->BeforeKeyChange(place);
}

void KeyEvents::DatabaseChanges(DatabaseChange change, uint32_t db, uint32_t other_db) {
  // Interested or not: what clients had read is remembered when none of them tracks any more, and must go too.
  const KeyPlace place{db, {}, worker_index_, client_};
  for (KeyEventListener* listener : listeners_) listener->BeforeDatabaseChange(change, place, other_db);
}

}  // namespace cachenode
