#include "bramble/dataset/convert.hpp"

#include <optional>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/manifest.hpp"

namespace bramble {

namespace {

// What came of one sample: problems go to the report in order of the index.
struct Outcome {
  bool written = false;
  std::string kind, text;
};

class Conversion {
 public:
  Conversion(const ConvertOptions& options, const Dataset& dataset, SampleWriter& writer,
             const std::optional<OntologyMapping>& mapping)
      : options_(options), dataset_(dataset), writer_(writer), mapping_(mapping) {}

  Outcome convert_one(std::size_t index) const {
    Outcome outcome;
    const Sample sample = dataset_.samples()[index];
    SampleContent content;
    content.ordinal = index;
    UnknownLabels unknown;
    try {
      if (!sample.image.empty()) read_picture(sample, index, content, unknown);
      if (!sample.cloud.empty()) content.cloud = dataset_.load_cloud(index, unknown);
    } catch (const Error& error) {
      return {false, "unreadable", error.what()};
    }
    if (!content.image.empty() &&
        (content.image.width != content.label.width || content.image.height != content.label.height))
      return {false, "sizes differ",
              fmt::format("{} is {}x{}, {} is {}x{}", sample.image.string(), content.image.width, content.image.height,
                          sample.label.string(), content.label.width, content.label.height)};
    if (unknown.count > 0) {
      outcome.kind = "unknown label values";
      outcome.text = fmt::format("{}: {} values such as {} are no class; they become ignored",
                                 (sample.label.empty() ? sample.cloud_label : sample.label).string(), unknown.count,
                                 unknown.example);
      if (options_.strict) return outcome;
    }
    if (mapping_) {
      mapping_->apply(content.label);
      if (content.cloud)
        for (auto& id : content.cloud->labels) id = (*mapping_)[id];
    }
    if (options_.width > 0 && !content.image.empty()) {
      content.image_file.clear();
      content.image = resize_picture(content.image, options_.width, options_.height);
      content.label = resize_labels(content.label, options_.width, options_.height);
    }
    writer_.add(sample, content);
    outcome.written = true;
    return outcome;
  }

 private:
  void read_picture(const Sample& sample, std::size_t index, SampleContent& content, UnknownLabels& unknown) const {
    content.image = dataset_.load_image(index);
    content.label = dataset_.load_label(index, unknown);
    content.image_file = dataset_.folder() / sample.image;
  }

  const ConvertOptions& options_;
  const Dataset& dataset_;
  SampleWriter& writer_;
  const std::optional<OntologyMapping>& mapping_;
};

}  // namespace

ConvertReport convert(const ConvertOptions& options) {
  if ((options.width > 0) != (options.height > 0) || options.width < 0 || options.height < 0)
    fail("a size of {}x{} is none", options.width, options.height);
  const DatasetFormat& format = find_format(options.format);
  const Dataset dataset = Dataset::open(options.input, options.strict);
  ConvertReport report;
  report.from = dataset.format();
  report.to = format.name();
  report.problems = Problems(options.strict);
  report.problems.merge(dataset.problems());
  report.ontology = dataset.ontology();
  std::optional<OntologyMapping> mapping;
  const std::string target = options.map.empty() ? std::string(format.ontology()) : options.map;
  if (!target.empty() && target != dataset.ontology().name()) {
    mapping = find_mapping(dataset.ontology(), target);
    report.ontology = mapping->to();
    report.loss = mapping->loss();
    report.mapped = true;
    if (report.loss.ignored.size() == mapping->from().size())
      fail("no class of {} has a target in {}; write a mapping file: bramble ontology map {} {} --yaml",
           dataset.ontology().name(), mapping->to().name(), dataset.ontology().name(), mapping->to().name());
  }
  const auto writer = format.write({options.output, report.ontology, options.shards});
  const Conversion conversion(options, dataset, *writer, mapping);
  // Blocks keep the outcomes of the samples few, and in order.
  constexpr std::size_t kBlock = 1024;
  Progress progress("converting", dataset.size());
  for (std::size_t begin = 0; begin < dataset.size(); begin += kBlock) {
    throw_if_interrupted();
    const std::size_t count = std::min(kBlock, dataset.size() - begin);
    std::vector<Outcome> outcomes(count);
    parallel_for(count, [&](std::size_t i) { outcomes[i] = conversion.convert_one(begin + i); });
    for (const auto& outcome : outcomes) {
      if (!outcome.kind.empty()) report.problems.add(outcome.kind, outcome.text);
      report.samples += outcome.written;
    }
    progress.advance(count);
  }
  progress.finish();
  if (report.samples == 0)
    fail("no sample of {} is whole; first problem: {}", options.input.string(), report.problems.first().front());
  writer->finish();
  if (options.manifest) write_manifest(options.output);
  return report;
}

}  // namespace bramble
