// bramble: one program from a scenario file to a perception model. The subcommands are the files beside this one.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "command.hpp"

namespace bramble {

#define BRAMBLE_COMMAND(name) void add_##name##_command(CLI::App& app, CommonOptions& common);
#include "commands.inc"
#undef BRAMBLE_COMMAND

void write_json(const CommonOptions& common, const nlohmann::json& figures) {
  if (!common.json_file.empty()) write_file_atomically(common.json_file, figures.dump(2) + "\n");
}

std::string names_in(const std::filesystem::path& folder,
                     const std::function<bool(const std::filesystem::path&)>& counts) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (counts(entry.path())) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::filesystem::path find_shipped(const std::filesystem::path& given, const std::string& folder,
                                   const std::string& extension) {
  namespace fs = std::filesystem;
  // A bare name («meadow») means what ships; a file or folder of that name that happens to lie here is not meant.
  if (given.has_extension() && fs::is_regular_file(given)) return given;
  const fs::path shipped = home_folder() / folder;
  for (const fs::path& candidate : {shipped / given, shipped / (given.string() + extension)})
    if (given.is_relative() && fs::is_regular_file(candidate)) return candidate;
  if (fs::is_regular_file(given)) return given;
  fail("{} does not exist; shipped in {}/: {}", given.string(), folder,
       names_in(shipped, [&](const fs::path& file) { return file.extension() == extension; }));
}

bool is_model(const std::filesystem::path& folder) { return std::filesystem::exists(folder / "model.yaml"); }

std::filesystem::path find_model(const std::filesystem::path& given) {
  const std::filesystem::path folder = home_folder() / "models", shipped = folder / given;
  const bool ships = given.is_relative() && !given.has_parent_path() && is_model(shipped);
  if (ships && !is_model(given)) return shipped;
  if (std::filesystem::exists(given)) return given;
  fail("there is no model at {}; in models/ there is: {}", given.string(), names_in(folder, is_model));
}

#ifdef BRAMBLE_LEARNING_PROGRAM
namespace {

// Whether the words ask for something that only the program with libtorch does: a command that this one does not have
// (that one knows them all, and what was meant by a wrong one), the list of all, or a model.
bool is_for_learning_program(const CLI::App& app, int argc, char** argv) {
  bool has_command = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--model" || word.starts_with("--model=")) return true;
    if (has_command) continue;
    if (word == "--threads" || word == "--json")
      ++i;
    else if (word == "--version")
      return false;
    else if (!word.starts_with('-')) {
      const std::string name(word);
      if (app.get_subcommands([&](const CLI::App* command) { return command->check_name(name); }).empty()) return true;
      has_command = true;
    }
  }
  return !has_command;
}

void hand_over(char** argv) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path program = own.parent_path() / BRAMBLE_LEARNING_PROGRAM;
  ::execv(program.c_str(), argv);
  const int reason = errno;
  fail("cannot start {}: {}; build again, or install both programs into one folder", program.string(),
       std::strerror(reason));
}

}  // namespace
#endif

}  // namespace bramble

int main(int argc, char** argv) {
  // Keep freed memory: frames and tensors of the same sizes come again and again (31-35 % on training, see
  // docs/decisions/004-learning.md).
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
  mallopt(M_TOP_PAD, 64 << 20);

  CLI::App app{"Bramble: a perception model for off-road driving out of a scenario file."};
  app.name("bramble");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", BRAMBLE_VERSION);
  bramble::CommonOptions common;
  int verbose = 0;
  bool quiet = false;
  app.add_option("--threads", common.threads, "threads to use (0: all cores)")->check(CLI::NonNegativeNumber);
  app.add_option("--json", common.json_file, "also write the figures to FILE")->type_name("FILE");
  app.add_flag("-v,--verbose", verbose, "say more");
  app.add_flag("-q,--quiet", quiet, "only warnings and errors");
  app.parse_complete_callback([&] {
    bramble::set_verbosity(quiet     ? bramble::Verbosity::kQuiet
                           : verbose ? bramble::Verbosity::kVerbose
                                     : bramble::Verbosity::kNormal);
    bramble::set_thread_count(common.threads);
    bramble::install_interrupt_handler();
  });
#define BRAMBLE_COMMAND(name) bramble::add_##name##_command(app, common);
#include "commands.inc"
#undef BRAMBLE_COMMAND
  try {
#ifdef BRAMBLE_LEARNING_PROGRAM
    if (bramble::is_for_learning_program(app, argc, argv)) bramble::hand_over(argv);
#endif
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const bramble::Interrupted& error) {
    std::fprintf(stderr, "bramble: %s\n", error.what());
    return 130;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "bramble: out of memory; use a smaller size or fewer threads\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bramble: %s\n", error.what());
    return 1;
  }
}
