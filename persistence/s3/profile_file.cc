#include "persistence/s3/profile_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "persistence/s3/http_client.h"
#include "storage/base/blanks.h"
#include "storage/base/bytes.h"
#include "storage/base/system_error.h"

namespace cachenode {
namespace {

// A comment may follow a value after a blank: "region = eu-west-1  # home".
std::string_view WithoutComment(std::string_view value) {
  for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(mark));
  return TrimBlanks(value);
}

Status Malformed(std::string_view name, size_t line_number, std::string_view why) {
  std::string text(name);
  text.append(":").append(std::to_string(line_number)).append(": ").append(why);
  return Status::WithText(Err::kConfig, std::move(text));
}

Status Unreadable(const std::string& path, int error) {
  return Status::WithText(Err::kConfig,
                          std::string("cannot read ").append(path).append(": ").append(SystemErrorText(error)));
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<ProfileFile> ParseProfileFile(std::string_view text, std::string_view name) {
  ProfileFile file;
  Profile* section = nullptr;
  size_t line_number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line_number;
    const std::string_view content = TrimBlanks(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (line.front() == ' ' || line.front() == '\t') continue;
    if (content.front() == '[') {
      const size_t close = content.find(']');
      if (close == std::string_view::npos) return Malformed(name, line_number, "']' is missing");
      section = &file[std::string(TrimBlanks(content.substr(1, close - 1)))];
      continue;
    }
    const size_t equals = content.find('=');
    if (equals == std::string_view::npos) return Malformed(name, line_number, "'=' is missing");
    if (section == nullptr) return Malformed(name, line_number, "a value stands before the first [section]");
    (*section)[LowerCased(TrimBlanks(content.substr(0, equals)))] = WithoutComment(content.substr(equals + 1));
  }
  return file;
}

Result<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return Unreadable(path, errno);
  std::string content;
  std::array<char, 4096> buffer{};
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    content.append(buffer.data(), count);
    if (content.size() > bytes_max) return Unreadable(path, EFBIG);
  }
  if (std::ferror(file.get()) != 0) return Unreadable(path, EIO);
  return content;
}

Result<std::optional<ProfileFile>> LoadProfileFile(const std::string& path) {
  const std::unique_ptr<std::FILE, FileCloser> probe(std::fopen(path.c_str(), "rbe"));
  if (!probe && (errno == ENOENT || errno == ENOTDIR)) return std::optional<ProfileFile>();
  Result<std::string> content = ReadSmallFile(path, kProfileFileBytesMax);
  if (!content) return content.error();
  Result<ProfileFile> file = ParseProfileFile(*content, path);
  if (!file) return file.error();
  return std::optional<ProfileFile>(*std::move(file));
}

}  // namespace cachenode
