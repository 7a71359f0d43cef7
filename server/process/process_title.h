// The command line that ps shows, made from proc-title-template.
//
// Thread-safety: the title is process-wide; set at the start or under the exclusive world lock.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachenode {

struct TitleFacts {
  std::string title;           // The program's path or name, with the mode it runs in.
  std::string listen_address;  // "127.0.0.1:6379", "*:6379", or the Unix socket.
  std::string server_mode;     // "" or "[cluster]".
  int64_t port = 0;
  int64_t tls_port = 0;
  std::string config_file;
  std::string unix_socket;
};

// Fills the template's {variables}. An unknown one stays as it is. Trailing blanks go.
std::string ExpandTitle(std::string_view title_template, const TitleFacts& facts);

// Writes over the memory of the original arguments (and the environment behind them, which moves away), as the kernel
// shows that.
class ProcessTitle {
 public:
  // Call before threads start; `argv` is main's. Copies what the memory held.
  ProcessTitle(int argc, char** argv);
  ProcessTitle(const ProcessTitle&) = delete;
  ProcessTitle& operator=(const ProcessTitle&) = delete;

  // Shows `title`, cut to the room there is.
  void Set(std::string_view title);
  // argv[0] as it was.
  [[nodiscard]] const std::string& program() const { return program_; }

 private:
  std::string program_;
  char* begin_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace cachenode
