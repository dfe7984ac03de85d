#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/statistics.hpp"
#include "command.hpp"

namespace bramble {

namespace {

struct DatasetCommandOptions {
  std::filesystem::path folder;
  std::filesystem::path output = "sheet.png";
  SheetOptions sheet;
};

void print_statistics(const std::filesystem::path& folder, const CommonOptions& common) {
  const Dataset dataset = Dataset::open(folder);
  const auto statistics = dataset_statistics(dataset);
  nlohmann::json splits, sizes = nlohmann::json::array(), classes = nlohmann::json::array();
  fmt::print("data set  {}\nsamples   {}", folder.string(), statistics.samples);
  for (const auto& [split, count] : statistics.splits) {
    fmt::print("{}{} {}", splits.empty() ? " (" : ", ", split, count);
    splits[split] = count;
  }
  fmt::print(")\nstamps    {:.3f} s to {:.3f} s\n", seconds(statistics.first_ns), seconds(statistics.last_ns));
  for (const auto& [size, count] : statistics.sizes) {
    fmt::print("size      {}x{}: {} samples\n", size.first, size.second, count);
    sizes.push_back({{"width", size.first}, {"height", size.second}, {"samples", count}});
  }
  const auto& mean = statistics.mean;
  const auto& stddev = statistics.stddev;
  fmt::print("mean      R {:.4f}  G {:.4f}  B {:.4f}\nstddev    R {:.4f}  G {:.4f}  B {:.4f}\n", mean[0], mean[1],
             mean[2], stddev[0], stddev[1], stddev[2]);
  const double ignored = static_cast<double>(statistics.ignored_pixels) /
                         static_cast<double>(std::max<std::uint64_t>(1, statistics.label_pixels));
  fmt::print("ignored   {:.3f} % of the pixels\n\n{:>3}  {:<20} {:>9} {:>9}   {}\n", 100 * ignored, "id", "class",
             "pixels", "samples", "share of labelled pixels");
  for (const auto& c : dataset.ontology().classes()) {
    const double share = statistics.share(c.id);
    const double in_samples =
        static_cast<double>(statistics.classes[c.id].samples) / static_cast<double>(statistics.samples);
    fmt::print("{:>3}  {:<20} {:>7.2f} % {:>7.1f} %   {}\n", c.id, c.name, 100 * share, 100 * in_samples,
               std::string(static_cast<std::size_t>(share * 50 + 0.5), '#'));
    classes.push_back({{"id", c.id},
                       {"name", c.name},
                       {"pixels", statistics.classes[c.id].pixels},
                       {"samples", statistics.classes[c.id].samples},
                       {"share", share}});
  }
  write_json(common, {{"samples", statistics.samples},
                      {"splits", splits},
                      {"sizes", sizes},
                      {"mean", mean},
                      {"stddev", stddev},
                      {"label_pixels", statistics.label_pixels},
                      {"ignored_pixels", statistics.ignored_pixels},
                      {"classes", classes}});
}

void print_check(const std::filesystem::path& folder, const CommonOptions& common) {
  const Dataset dataset = Dataset::open(folder);
  const auto problems = check_dataset(dataset);
  for (const auto& problem : problems) fmt::print("problem   {}\n", problem);
  write_json(common, {{"samples", dataset.size()}, {"problems", problems}});
  std::fflush(stdout);
  if (!problems.empty())
    fail(
        "{}{}", problems.front(),
        problems.size() == 1 ? "" : fmt::format(" (the first of {} problems of {})", problems.size(), folder.string()));
  fmt::print("{}: {} samples, all whole\n", folder.string(), dataset.size());
}

void write_sheet(const DatasetCommandOptions& options) {
  const Dataset dataset = Dataset::open(options.folder);
  std::vector<std::size_t> shown;
  const ImageU8 sheet = contact_sheet(dataset, options.sheet, shown);
  write_png(options.output, sheet, PngEffort::kSmall);
  fmt::print("{}: {}x{}, picture and label of\n", options.output.string(), sheet.width, sheet.height);
  for (const auto i : shown) fmt::print("  {}\n", dataset.samples()[i].name);
}

}  // namespace

void add_dataset_command(CLI::App& app, CommonOptions& common) {
  auto* cmd = app.add_subcommand("dataset", "Look into data sets: figures, a check, a contact sheet");
  cmd->require_subcommand(1);
  cmd->fallthrough();
  auto options = std::make_shared<DatasetCommandOptions>();
  const auto add = [&](const char* name, const char* help, const char* footer) {
    auto* sub = cmd->add_subcommand(name, help);
    sub->fallthrough();
    sub->add_option("DATASET", options->folder, "folder that extract made")->required();
    sub->footer(footer);
    return sub;
  };

  auto* stats =
      add("stats", "Shares of the classes, mean colour, sizes, splits",
          "Examples:\n  bramble dataset stats data/train\n  bramble dataset stats data/train --json stats.json");
  stats->callback([options, &common] { print_statistics(options->folder, common); });

  auto* check =
      add("check", "Read every picture and label; exit status 1 when anything is wrong",
          "Examples:\n  bramble dataset check data/train\n  bramble dataset check data/train --json check.json");
  check->callback([options, &common] { print_check(options->folder, common); });

  auto* sheet = add("sheet", "A contact sheet: pictures beside their labels in colour",
                    "Examples:\n  bramble dataset sheet data/train\n"
                    "  bramble dataset sheet data/train -o train.png --samples 30 --columns 3");
  sheet->add_option("-o,--output", options->output, "the picture")->capture_default_str();
  sheet->add_option("--samples", options->sheet.samples, "at most this many, spread over the data set")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sheet->add_option("--columns", options->sheet.columns, "pairs side by side")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  sheet->add_option("--width", options->sheet.pair_width, "pixels of a pair")
      ->check(CLI::Range(16, 8192))
      ->capture_default_str();
  sheet->callback([options] { write_sheet(*options); });
}

}  // namespace bramble
