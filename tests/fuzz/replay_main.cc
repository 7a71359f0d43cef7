// Runs a fuzz target over files and folders named on the command line, without a fuzzer.
//
// Arguments that start with '-' are libFuzzer's and are passed over, so both builds take the same command line.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void RunFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

size_t RunPath(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    RunFile(path);
    return 1;
  }
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    RunFile(entry.path());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] != '-') count += RunPath(argv[i]);
  }
  std::printf("%zu inputs replayed\n", count);
  return 0;
}
