#include "server/config/config_rewrite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>
#include <vector>

#include "server/config/option_table.h"
#include "server/config/option_value.h"
#include "storage/base/blanks.h"
#include "storage/base/bytes.h"
#include "storage/base/quoting.h"
#include "storage/base/system_error.h"

namespace cachenode {
namespace {

// The old file as lines, and where each known option stands in it.
class Rewriter {
 public:
  explicit Rewriter(const RewriteRequest& request) : request_(request) {}

  std::string Run(std::string_view old_text) {
    ReadOld(old_text);
    for (const OptionSpec* option : Options()) WriteOption(*option);
    WriteUsers();
    return Joined();
  }

 private:
  struct Slots {
    std::vector<size_t> lines;
    size_t used = 0;
  };
  enum class Missing : bool { kSkip, kAppend };

  void ReadOld(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ReadOldLine(TrimBlanks(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void ReadOldLine(std::string_view line) {
    if (line == kRewriteMarker) has_marker_ = true;
    std::vector<std::string> words;
    const bool is_directive = !line.empty() && line[0] != '#';
    if (is_directive && !SplitQuotedWords(line, words)) {
      // The running server cannot have read this line, so nobody misses it; a comment keeps it for the reader.
      lines_.push_back(fmt::format("# ??? {}", line));
      return;
    }
    if (!words.empty()) {
      if (const OptionSpec* option = FindOption(words[0])) slots_[option].lines.push_back(lines_.size());
      if (LowerCased(words[0]) == "user") user_slots_.lines.push_back(lines_.size());
    }
    lines_.emplace_back(line);
  }

  void WriteOption(const OptionSpec& option) {
    const bool is_default = FormatOption(option, request_.config) == FormatOption(option, request_.defaults);
    const bool always = option.special != nullptr && option.special->always_written;
    const Missing missing = !is_default || always || request_.all ? Missing::kAppend : Missing::kSkip;
    Slots& slots = slots_[&option];
    for (const std::string& value : RewriteValues(option, request_.config, request_.defaults)) {
      WriteLine(slots, fmt::format("{} {}", option.name, value), missing);
    }
    DropRest(slots);
  }

  void WriteUsers() {
    for (const std::string& user : request_.user_lines) WriteLine(user_slots_, "user " + user, Missing::kAppend);
    DropRest(user_slots_);
  }

  void WriteLine(Slots& slots, std::string line, Missing missing) {
    if (slots.used < slots.lines.size()) {
      lines_[slots.lines[slots.used++]] = std::move(line);
      return;
    }
    if (missing == Missing::kSkip) return;
    if (!has_marker_) {
      lines_.emplace_back();
      lines_.emplace_back(kRewriteMarker);
      has_marker_ = true;
    }
    lines_.push_back(std::move(line));
  }

  void DropRest(Slots& slots) {
    while (slots.used < slots.lines.size()) lines_[slots.lines[slots.used++]].clear();
  }

  [[nodiscard]] std::string Joined() const {
    std::string text;
    bool was_blank = false;
    for (const std::string& line : lines_) {
      if (line.empty() && was_blank) continue;
      was_blank = line.empty();
      text.append(line).push_back('\n');
    }
    return text;
  }

  const RewriteRequest& request_;
  std::vector<std::string> lines_;
  std::map<const OptionSpec*, Slots> slots_;
  Slots user_slots_;
  bool has_marker_ = false;
};

constexpr mode_t kNewFileMode = 0644;

Status Failure(int error) { return Status::WithText(Err::kIo, SystemErrorText(error)); }

// Writes, syncs and closes; 0 or the errno of what failed.
int FillFile(int descriptor, std::string_view text) {
  int error = 0;
  while (!text.empty() && error == 0) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) error = errno;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  if (error == 0 && ::fsync(descriptor) != 0) error = errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

void SyncDirectory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // The file is in place already; only its survival of a crash is less sure.
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

std::string RewriteText(std::string_view old_text, const RewriteRequest& request) {
  return Rewriter(request).Run(old_text);
}

Status ReplaceFile(const std::string& path, std::string_view text) {
  std::error_code no_link;
  std::filesystem::path target = std::filesystem::canonical(path, no_link);
  if (no_link) target = path;
  struct stat old_file {};
  const mode_t mode = ::stat(target.c_str(), &old_file) == 0 ? old_file.st_mode & 07777 : kNewFileMode;

  std::string temporary = target.string() + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return Failure(errno);
  int error = ::fchmod(descriptor, mode) == 0 ? 0 : errno;
  const int fill_error = FillFile(descriptor, text);
  if (error == 0) error = fill_error;
  if (error == 0 && std::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return Failure(error);
  }
  SyncDirectory(target.parent_path().empty() ? "." : target.parent_path());
  return Status::Ok();
}

}  // namespace cachenode
