# Writes the files FILES below ROOT into the C++ source OUTPUT as string literals. Run by server/CMakeLists.txt.
set(rows "")
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} hex HEX)
  file(SIZE ${ROOT}/${file} size)
  # One escaped byte each: no file content can end the literal, whatever it holds.
  string(REGEX REPLACE "([0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f])" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  string(REGEX REPLACE "([^\n]+)" "    \"\\1\"" bytes "${bytes}")
  string(APPEND rows "    {\"${file}\", std::string_view(\n${bytes}\n    \"\", ${size})},\n")
endforeach()
file(WRITE ${OUTPUT}
  "// Made from conf/ by .cmake/EmbedConf.cmake.\n"
  "#include \"server/config/embedded_conf.h\"\n\n"
  "#include <array>\n\nnamespace cachenode {\n\n"
  "namespace {\n\nconst EmbeddedFile kFiles[] = {\n${rows}};\n\n}  // namespace\n\n"
  "std::span<const EmbeddedFile> EmbeddedFiles() { return kFiles; }\n\n"
  "std::string_view FindEmbeddedFile(std::string_view path) {\n"
  "  for (const EmbeddedFile& file : kFiles) {\n    if (file.path == path) return file.bytes;\n  }\n  return {};\n}\n\n"
  "}  // namespace cachenode\n")
