// One MIGRATE: which keys go where, and what became of each.
//
// Thread-safety: a value. Filled by the worker that got the command, then by the thread that carries it out, then read
//   by the worker again; never by two at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cachenode {

struct MigrateItem {
  std::string key;
  int64_t ttl_ms = 0;  // 0: no deadline.
  std::string payload;
  bool accepted = false;  // The target answered OK.
};

struct MigrateOrder {
  std::string host;
  std::string port;
  int64_t database = 0;    // Of the target.
  int64_t timeout_ms = 0;  // Of each step of the conversation.
  bool replaces = false;
  bool copies = false;
  bool has_password = false;
  std::string user;  // Empty: AUTH with the password alone.
  std::string password;
  std::vector<MigrateItem> items;
  // What to offer again on behalf of a client that went before the target answered.
  std::vector<std::string> request;
  uint32_t source_database = 0;
  std::string error;  // As the client reads it; empty: all went well.
};

}  // namespace cachenode
