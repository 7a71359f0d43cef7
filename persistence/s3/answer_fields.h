// Picks single fields out of the small XML and JSON answers of S3, STS and the metadata services.
//
// Only what those answers need: in XML the text of the first element of a name, anywhere; in JSON the strings and
//   numbers that stand directly in the outermost object. Not a validator of either language, but strict where it
//   reads: malformed input yields no field, never a wrong one, and nothing is read outside `text`.
// Thread-safety: pure functions. Cost: one pass, no recursion.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cachenode {

// The text of the first element called `element` (namespace prefix included), entities resolved, blanks at both ends
// dropped. Nothing when it is missing, holds other elements or is malformed.
std::optional<std::string> XmlField(std::string_view text, std::string_view element);

// The value of member `name` of the outermost object: a string with its escapes resolved, or a number as written.
// Nothing when it is missing, is of another kind, or the text before it is malformed.
std::optional<std::string> JsonField(std::string_view text, std::string_view name);

}  // namespace cachenode
