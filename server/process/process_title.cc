#include "server/process/process_title.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

extern char** environ;

namespace cachenode {

std::string ExpandTitle(std::string_view title_template, const TitleFacts& facts) {
  const std::string port = std::to_string(facts.port);
  const std::string tls_port = std::to_string(facts.tls_port);
  const std::array<std::pair<std::string_view, std::string_view>, 7> variables = {{
      {"{title}", facts.title},
      {"{listen-addr}", facts.listen_address},
      {"{server-mode}", facts.server_mode},
      {"{port}", port},
      {"{tls-port}", tls_port},
      {"{unixsocket}", facts.unix_socket},
      {"{config-file}", facts.config_file},
  }};
  std::string title;
  while (!title_template.empty()) {
    size_t taken = 0;
    for (const auto& [name, value] : variables) {
      if (!title_template.starts_with(name)) continue;
      title.append(value);
      taken = name.size();
      break;
    }
    if (taken == 0) {
      title.push_back(title_template.front());
      taken = 1;
    }
    title_template.remove_prefix(taken);
  }
  while (title.ends_with(' ')) title.pop_back();
  return title;
}

ProcessTitle::ProcessTitle(int argc, char** argv) {
  if (argc == 0) return;
  program_ = argv[0];
  begin_ = argv[0];
  // Arguments and environment lie behind one another; take as much as is in one piece.
  char* end = begin_;
  for (int i = 0; i < argc; ++i) {
    if (argv[i] != end) break;
    end = argv[i] + std::strlen(argv[i]) + 1;
  }
  // The environment moves to memory of its own, which lives as long as the process.
  std::vector<char*> moved;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (*variable == end) end = *variable + std::strlen(*variable) + 1;
    // tidy: allow(malloc) environ belongs to the C library.
    moved.push_back(strdup(*variable));
  }
  // Never destroyed: environ points into it until the very end of the process.
  static std::vector<char*>& environment = *new std::vector<char*>();
  environment = std::move(moved);
  environment.push_back(nullptr);
  environ = environment.data();
  size_bytes_ = static_cast<size_t>(end - begin_);
}

void ProcessTitle::Set(std::string_view title) {
  if (size_bytes_ == 0) return;
  const size_t shown = std::min(title.size(), size_bytes_ - 1);
  std::memcpy(begin_, title.data(), shown);
  std::memset(begin_ + shown, 0, size_bytes_ - shown);
}

}  // namespace cachenode
