#include "persistence/s3/s3_listing.h"

#include <charconv>
#include <utility>

#include "persistence/s3/answer_fields.h"

namespace cachenode {
namespace {

// Calls `visit` with what stands between each <element> and </element>.
template <typename Visit>
void ForEachElement(std::string_view text, std::string_view element, Visit visit) {
  const std::string begin = std::string("<").append(element).append(">");
  const std::string end = std::string("</").append(element).append(">");
  for (size_t at = text.find(begin); at != std::string_view::npos; at = text.find(begin, at)) {
    at += begin.size();
    const size_t length = text.substr(at).find(end);
    if (length == std::string_view::npos) return;
    visit(text.substr(at, length));
    at += length;
  }
}

std::string Field(std::string_view text, std::string_view element) { return XmlField(text, element).value_or(""); }

}  // namespace

S3ObjectPage ParseObjectPage(std::string_view body) {
  S3ObjectPage page;
  ForEachElement(body, "Contents", [&page](std::string_view text) {
    S3ListedObject object{Field(text, "Key"), Field(text, "ETag"), Field(text, "LastModified"), 0};
    const std::string size = Field(text, "Size");
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), object.size_bytes);
    if (object.key.empty() || error != std::errc() || end != size.data() + size.size()) return;
    page.objects.push_back(std::move(object));
  });
  if (Field(body, "IsTruncated") == "true") page.next_token = Field(body, "NextContinuationToken");
  return page;
}

std::vector<S3ListedUpload> ParseUploads(std::string_view body) {
  std::vector<S3ListedUpload> uploads;
  ForEachElement(body, "Upload", [&uploads](std::string_view text) {
    S3ListedUpload upload{Field(text, "Key"), Field(text, "UploadId"), Field(text, "Initiated")};
    if (!upload.key.empty() && !upload.id.empty()) uploads.push_back(std::move(upload));
  });
  return uploads;
}

}  // namespace cachenode
