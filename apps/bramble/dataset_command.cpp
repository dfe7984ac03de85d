#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/convert.hpp"
#include "bramble/dataset/dataset_page.hpp"
#include "bramble/dataset/duplicates.hpp"
#include "bramble/dataset/manifest.hpp"
#include "bramble/dataset/statistics.hpp"
#include "command.hpp"
#include "sizes.hpp"

namespace bramble {

namespace {

namespace fs = std::filesystem;

struct DatasetCommandOptions {
  std::vector<fs::path> folders;
  fs::path output = "sheet.png";
  SheetOptions sheet;
  PageOptions page;
  ConvertOptions convert;
  std::string size;
  bool strict = false, no_duplicates = false;
};

nlohmann::json to_json(const Problems& problems) {
  return {{"counts", problems.counts()}, {"first", problems.first()}};
}

void print_statistics(const fs::path& folder, const CommonOptions& common) {
  const Dataset dataset = Dataset::open(folder);
  const auto statistics = dataset_statistics(dataset);
  nlohmann::json splits, sizes = nlohmann::json::array(), classes = nlohmann::json::array();
  fmt::print("data set  {} ({})\nsamples   {}", folder.string(), dataset.format(), statistics.samples);
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
  const char* unit = "pixels";
  if (statistics.points > 0) {
    unit = "points";
    fmt::print("points    {} ({:.0f} a sample)\n", statistics.points,
               static_cast<double>(statistics.points) / static_cast<double>(statistics.samples));
  } else {
    fmt::print("mean      R {:.4f}  G {:.4f}  B {:.4f}\nstddev    R {:.4f}  G {:.4f}  B {:.4f}\n", mean[0], mean[1],
               mean[2], stddev[0], stddev[1], stddev[2]);
  }
  const double ignored = static_cast<double>(statistics.ignored_pixels) /
                         static_cast<double>(std::max<std::uint64_t>(1, statistics.label_pixels));
  fmt::print("ignored   {:.3f} % of the {}\n\n{:>3}  {:<20} {:>9} {:>9}   share of labelled {}\n", 100 * ignored, unit,
             "id", "class", unit, "samples", unit);
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
                      {"format", dataset.format()},
                      {"splits", splits},
                      {"sizes", sizes},
                      {"mean", mean},
                      {"stddev", stddev},
                      {"points", statistics.points},
                      {"label_pixels", statistics.label_pixels},
                      {"ignored_pixels", statistics.ignored_pixels},
                      {"left_out", to_json(dataset.problems())},
                      {"classes", classes}});
}

void print_check(const DatasetCommandOptions& options, const CommonOptions& common) {
  std::vector<Dataset> datasets;
  std::vector<std::string> problems;
  std::size_t samples = 0;
  for (const auto& folder : options.folders) {
    datasets.push_back(Dataset::open(folder));
    const Dataset& dataset = datasets.back();
    samples += dataset.size();
    const auto found = check_dataset(dataset);
    problems.insert(problems.end(), found.begin(), found.end());
    Problems files;
    check_manifest(dataset.folder(), files);
    problems.insert(problems.end(), files.first().begin(), files.first().end());
  }
  nlohmann::json leaks = nlohmann::json::array();
  DuplicateReport duplicates;
  if (!options.no_duplicates) duplicates = find_duplicates(datasets);
  for (const auto& pair : duplicates.first_across) {
    leaks.push_back(
        {{"first", pair.first}, {"second", pair.second}, {"bits", pair.distance}, {"same", pair.same_pixels}});
    if (pair.same_pixels)
      problems.push_back(fmt::format("{} and {}: the same picture in two splits", pair.first, pair.second));
  }
  for (const auto& problem : problems) fmt::print("problem   {}\n", problem);
  for (const auto& pair : duplicates.first_across)
    if (!pair.same_pixels)
      fmt::print("alike     {} and {}: {} of 256 bits differ\n", pair.first, pair.second, pair.distance);
  if (duplicates.near_across > 0)
    fmt::print("{} pairs of pictures in different splits look alike: what is learnt may be tested\n",
               duplicates.near_across);
  if (duplicates.same_within > 0) fmt::print("{} pictures are in their split more than once\n", duplicates.same_within);
  write_json(common, {{"samples", samples},
                      {"problems", problems},
                      {"same_within_split", duplicates.same_within},
                      {"same_across_splits", duplicates.same_across},
                      {"near_across_splits", duplicates.near_across},
                      {"alike", leaks}});
  std::fflush(stdout);
  if (!problems.empty())
    fail("{}{}", problems.front(),
         problems.size() == 1
             ? ""
             : fmt::format(" (the first of {} problems of {})", problems.size(), options.folders.front().string()));
  for (const auto& dataset : datasets)
    fmt::print("{}: {} samples, all whole\n", dataset.folder().string(), dataset.size());
}

void write_sheet(const DatasetCommandOptions& options) {
  const Dataset dataset = Dataset::open(options.folders.front());
  std::vector<std::size_t> shown;
  const ImageU8 sheet = contact_sheet(dataset, options.sheet, shown);
  write_png(options.output, sheet, PngEffort::kSmall);
  fmt::print("{}: {}x{}, picture and label of\n", options.output.string(), sheet.width, sheet.height);
  for (const auto i : shown) fmt::print("  {}\n", dataset.samples()[i].name);
}

void write_page(DatasetCommandOptions& options) {
  const Dataset dataset = Dataset::open(options.folders.front());
  write_dataset_page(dataset, dataset_statistics(dataset), options.page);
  fmt::print("{}: open it in a browser\n", (options.page.output / "index.html").string());
}

void print_difference(const DatasetCommandOptions& options, const CommonOptions& common) {
  const Dataset first = Dataset::open(options.folders.at(0)), second = Dataset::open(options.folders.at(1));
  const auto d = compare(first, second);
  if (!d.ontology.empty()) fmt::print("ontology  {}\n", d.ontology);
  for (const auto& name : d.only_first) fmt::print("only      {} in {}\n", name, options.folders[0].string());
  for (const auto& name : d.only_second) fmt::print("only      {} in {}\n", name, options.folders[1].string());
  for (const auto& change : d.changed) fmt::print("changed   {}: {}\n", change.name, change.what);
  fmt::print("{} samples alike, {} only in the first, {} only in the second; {} pictures, {} labels, {} splits changed",
             d.same, d.only_first_count, d.only_second_count, d.changed_images, d.changed_labels, d.changed_splits);
  if (d.label_pixels > 0)
    fmt::print("; {:.4f} % of the label pixels",
               100.0 * static_cast<double>(d.changed_label_pixels) / static_cast<double>(d.label_pixels));
  fmt::print("\n");
  const bool same =
      d.only_first_count + d.only_second_count + d.changed_images + d.changed_labels + d.changed_splits == 0 &&
      d.ontology.empty();
  write_json(common, {{"same", d.same},
                      {"only_first", d.only_first_count},
                      {"only_second", d.only_second_count},
                      {"changed_images", d.changed_images},
                      {"changed_labels", d.changed_labels},
                      {"changed_splits", d.changed_splits},
                      {"label_pixels", d.label_pixels},
                      {"changed_label_pixels", d.changed_label_pixels},
                      {"equal", same}});
  std::fflush(stdout);
  if (!same) fail("{} and {} differ", options.folders[0].string(), options.folders[1].string());
}

void run_convert(DatasetCommandOptions& options, const CommonOptions& common) {
  auto& convert_options = options.convert;
  convert_options.input = options.folders.front();
  if (!options.size.empty()) std::tie(convert_options.width, convert_options.height) = parse_size(options.size);
  const auto report = convert(convert_options);
  fmt::print("{}: {} samples, {} to {}, {} classes\n", convert_options.output.string(), report.samples, report.from,
             report.to, report.ontology.size());
  if (report.mapped && (!report.loss.ignored.empty() || !report.loss.merged.empty()))
    fmt::print("  mapped onto {}: {} classes become ignored, {} take several; see: bramble ontology map\n",
               report.ontology.name(), report.loss.ignored.size(), report.loss.merged.size());
  for (const auto& [kind, count] : report.problems.counts()) fmt::print("  {:>8}  {}\n", count, kind);
  for (const auto& problem : report.problems.first()) fmt::print("            {}\n", problem);
  write_json(common, {{"samples", report.samples},
                      {"from", report.from},
                      {"to", report.to},
                      {"ontology", report.ontology.name()},
                      {"problems", to_json(report.problems)}});
}

void list_formats(const CommonOptions& common) {
  nlohmann::json names = nlohmann::json::array();
  for (const auto* format : dataset_formats()) {
    fmt::print("{:<14} {}\n", format->name(), format->summary());
    names.push_back(format->name());
  }
  write_json(common, names);
}

}  // namespace

void add_dataset_command(CLI::App& app, CommonOptions& common) {
  auto* cmd = app.add_subcommand("dataset", "Look into data sets of every format, check, compare and convert them");
  cmd->require_subcommand(1);
  cmd->fallthrough();
  auto options = std::make_shared<DatasetCommandOptions>();
  const auto add = [&](const char* name, const char* help, const char* footer, int most = 1, int least = 1) {
    auto* sub = cmd->add_subcommand(name, help);
    sub->fallthrough();
    sub->add_option("DATASET", options->folders,
                    "folder, or FORMAT:FOLDER, and behind it ?map=ONTOLOGY&split=SPLIT (see: dataset formats)")
        ->required()
        ->expected(least, most);
    sub->footer(footer);
    return sub;
  };

  auto* formats = cmd->add_subcommand("formats", "The formats that are read and written");
  formats->fallthrough();
  formats->footer("Examples:\n  bramble dataset formats\n  bramble dataset formats --json formats.json");
  formats->callback([&common] { list_formats(common); });

  auto* stats = add(
      "stats", "Shares of the classes, mean colour, sizes, splits",
      "Examples:\n  bramble dataset stats data/train\n  bramble dataset stats rellis3d:/data/Rellis-3D --json r.json");
  stats->callback([options, &common] { print_statistics(options->folders.front(), common); });

  auto* check =
      add("check",
          "Read every picture and label, verify SHA256SUMS, look for pictures that two splits (or data sets) "
          "share; exit status 1 when anything is wrong",
          "Examples:\n  bramble dataset check data/train\n  bramble dataset check data/train data/val data/test", 20);
  check->add_flag("--no-duplicates", options->no_duplicates, "do not compare pictures with each other");
  check->callback([options, &common] { print_check(*options, common); });

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

  auto* page = add("page", "A page to browse a data set, filtered by class, split and name; needs no server",
                   "Examples:\n  bramble dataset page data/train -o pages/train\n"
                   "  bramble dataset page \"goose:/data/goose?split=val\" -o pages/goose --samples 1000");
  page->add_option("-o,--output", options->page.output, "folder for index.html and thumbs/")->required();
  page->add_option("--samples", options->page.samples, "at most this many, spread over the data set")
      ->capture_default_str();
  page->callback([options] { write_page(*options); });

  auto* diff =
      add("diff", "What differs between two data sets, sample by sample; exit status 1 when anything does",
          "Examples:\n  bramble dataset diff data/old data/new\n  bramble dataset diff a b --json diff.json", 2, 2);
  diff->callback([options, &common] { print_difference(*options, common); });

  auto* manifest = add("manifest", "Write SHA256SUMS: a digest of every file, as sha256sum -c reads it",
                       "Examples:\n  bramble dataset manifest data/train\n  cd data/train && sha256sum -c SHA256SUMS");
  manifest->callback(
      [options] { fmt::print("{} files\n", write_manifest(Dataset::open(options->folders.front()).folder())); });

  auto* convert = add("convert", "Write a data set in another format, with other classes, or smaller",
                      "Examples:\n  bramble dataset convert rellis3d:/data/Rellis-3D -o data/rellis --map bramble\n"
                      "  bramble dataset convert data/train -o export/gaia --format gaia");
  convert->add_option("-o,--output", options->convert.output, "new folder")->required();
  convert->add_option("--format", options->convert.format, "of what is written (see: dataset formats)")
      ->capture_default_str();
  convert->add_option("--map", options->convert.map, "classes of what is written: an ontology, or a mapping file");
  convert->add_option("--size", options->size, "resize to this, for example 512x384")->type_name("WxH");
  convert->add_option("--shards", options->convert.shards, "bramble: spread the files over so many subfolders")
      ->check(CLI::Range(0, 1000));
  convert->add_flag("--manifest", options->convert.manifest, "write SHA256SUMS too");
  convert->add_flag("--strict", options->convert.strict, "refuse what is not whole instead of leaving it out");
  convert->callback([options, &common] { run_convert(*options, common); });
}

}  // namespace bramble
