// COCO (cocodataset.org, format of data): annotations/instances_NAME.json with pictures in NAME/, where an annotation
// is polygons or run lengths; annotations/panoptic_NAME.json with pictures of segment ids in
// annotations/panoptic_NAME/. Both are read as a class a pixel; pixels of no annotation are ignored. What is written
// has one segment a class.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/coco_mask.hpp"
#include "bramble/dataset/folder_format.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

// Colours for categories that have none: hues a golden angle apart, in three brightnesses.
Rgb color_of(std::size_t number) {
  const double hue = std::fmod(static_cast<double>(number) * 0.618033988749895, 1.0) * 6;
  const double bright = number % 3 == 0 ? 1.0 : number % 3 == 1 ? 0.75 : 0.5;
  Rgb color{};
  for (std::size_t k = 0; k < 3; ++k) {  // HSV of full saturation
    const double at = std::fmod(5.0 - 2.0 * static_cast<double>(k) + hue, 6.0);
    color[k] = static_cast<std::uint8_t>(std::lround(255 * bright * (1 - std::clamp(std::min(at, 4 - at), 0.0, 1.0))));
  }
  return color;
}

Json parse_file(const fs::path& file) {
  auto json = Json::parse(read_text_file(file), nullptr, false);
  if (!json.is_object()) fail("{}: not a COCO file (no JSON object)", file.string());
  for (const char* key : {"images", "annotations", "categories"})
    if (!json.contains(key) || !json[key].is_array())
      fail("{}: not a COCO file: it has no list '{}'", file.string(), key);
  return json;
}

Ontology ontology_of(const Json& categories, const fs::path& file) {
  std::map<int, SemanticClass> by_id;
  for (const auto& category : categories) {
    SemanticClass c;
    const int id = category.value("id", -1);
    c.name = category.value("name", "");
    if (id < 0 || c.name.empty()) fail("{}: a category needs an id and a name", file.string());
    c.raw = {id};
    if (category.contains("color") && category["color"].is_array() && category["color"].size() == 3)
      for (std::size_t k = 0; k < 3; ++k) c.color[k] = category["color"][k].get<std::uint8_t>();
    else
      c.color = color_of(by_id.size());
    if (!by_id.emplace(id, std::move(c)).second) fail("{}: category {} stands twice", file.string(), id);
  }
  std::vector<SemanticClass> classes;
  for (auto& [id, c] : by_id) {
    c.id = static_cast<ClassId>(std::min<std::size_t>(classes.size(), kIgnoreId));
    classes.push_back(std::move(c));
  }
  try {
    return Ontology("coco", std::move(classes), {}, true);
  } catch (const Error& error) {
    fail("{}: {}", file.string(), error.what());
  }
}

// What stands on one picture: the outlines in the order in which they are painted.
struct Outline {
  int category = 0;
  double area = 0;
  std::vector<std::vector<double>> polygons;
  RunLengths runs;
};
struct Annotated {
  int width = 0, height = 0;
  std::vector<Outline> outlines;       // instances
  std::map<std::uint32_t, int> parts;  // panoptic: segment id → category
};
using AnnotatedPictures = std::unordered_map<std::string, Annotated>;  // by path of the picture

Outline outline_of(const Json& annotation) {
  Outline outline;
  outline.category = annotation.at("category_id").get<int>();
  outline.area = annotation.value("area", 0.0);
  const auto& segmentation = annotation.at("segmentation");
  if (segmentation.is_array()) {
    outline.polygons = segmentation.get<std::vector<std::vector<double>>>();
  } else {
    const auto& counts = segmentation.at("counts");
    outline.runs = counts.is_string() ? runs_from_text(counts.get<std::string>()) : counts.get<RunLengths>();
  }
  return outline;
}

std::string split_of(const std::string& name) {
  return name.starts_with("val") ? "val" : name.starts_with("test") ? "test" : "train";
}

class CocoFormat final : public DatasetFormat {
 public:
  explicit CocoFormat(bool panoptic) : panoptic_(panoptic) {}
  std::string_view name() const override { return panoptic_ ? "coco-panoptic" : "coco"; }
  std::string_view summary() const override {
    return panoptic_ ? "COCO panoptic: segment pictures and JSON, as a class a pixel; read and written"
                     : "COCO instances: polygons and run lengths, as a class a pixel; read and written";
  }
  bool detect(const fs::path& folder) const override { return !files(folder).empty(); }

  Listing read(const ReadOptions& options) const override {
    Listing listing;
    listing.folder = options.folder;
    listing.problems = Problems(options.strict);
    const auto lists = files(options.folder);
    if (lists.empty()) fail("{} has no annotations/{}*.json", options.folder.string(), prefix());
    auto pictures = std::make_shared<AnnotatedPictures>();
    bool first = true;
    for (const auto& file : lists) {
      const Json json = parse_file(file);
      const Ontology ontology = ontology_of(json["categories"], file);
      if (!first && !(ontology == listing.ontology))
        fail("{}: other categories than in {}; one data set has one ontology", file.string(), lists.front().string());
      if (first) listing.ontology = ontology;
      first = false;
      try {
        read_file_of(file, json, listing, *pictures);
      } catch (const Json::exception& error) {
        fail("{}: not as COCO writes it: {}", file.string(), error.what());
      }
    }
    if (options.ontology) listing.ontology = *options.ontology;
    listing.read_label = [pictures, folder = options.folder, ontology = listing.ontology, panoptic = panoptic_](
                             const Sample& sample, UnknownLabels& unknown) {
      const Annotated& annotated = pictures->at(sample.image.string());
      return panoptic ? paint_parts(folder / sample.label, annotated, ontology, unknown)
                      : paint_outlines(annotated, ontology, unknown, sample.name);
    };
    return listing;
  }

  std::unique_ptr<SampleWriter> write(const WriteOptions& options) const override;

 private:
  std::string prefix() const { return panoptic_ ? "panoptic_" : "instances_"; }
  std::vector<fs::path> files(const fs::path& folder) const {
    std::vector<fs::path> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / "annotations", error)) {
      const std::string file = entry.path().filename().string();
      if (file.starts_with(prefix()) && file.ends_with(".json")) out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void read_file_of(const fs::path& file, const Json& json, Listing& listing, AnnotatedPictures& pictures) const {
    const std::string stem = file.stem().string().substr(prefix().size());
    // Pictures lie in NAME/ or images/NAME/, as people unpack them.
    const fs::path images = is_folder(listing.folder / stem) ? fs::path(stem) : fs::path("images") / stem;
    std::map<std::int64_t, Sample> samples;
    for (const auto& image : json["images"]) {
      Sample sample;
      const std::string name = image.at("file_name");
      sample.image = images / name;
      sample.label = file.lexically_relative(listing.folder);
      sample.name = plain_name(fs::path(name).stem().string());
      sample.scene = stem;
      sample.split = split_of(stem);
      Annotated& annotated = pictures[sample.image.string()];
      annotated.width = image.at("width");
      annotated.height = image.at("height");
      if (annotated.width < 1 || annotated.height < 1 || annotated.width > 65536 || annotated.height > 65536)
        fail("{}: picture {} has a size of {}x{}", file.string(), name, annotated.width, annotated.height);
      if (!samples.emplace(image.at("id").get<std::int64_t>(), sample).second)
        listing.problems.add("duplicate name", fmt::format("{}: two pictures have the id {}", file.string(),
                                                           image.at("id").get<std::int64_t>()));
    }
    std::set<std::int64_t> labelled;
    for (const auto& annotation : json["annotations"]) {
      const auto id = annotation.at("image_id").get<std::int64_t>();
      const auto sample = samples.find(id);
      if (sample == samples.end()) {
        listing.problems.add("label without image",
                             fmt::format("{}: an annotation of picture {}, which the list lacks", file.string(), id));
        continue;
      }
      Annotated& annotated = pictures[sample->second.image.string()];
      labelled.insert(id);
      if (panoptic_) {
        sample->second.label =
            fs::path("annotations") / (prefix() + stem) / annotation.at("file_name").get<std::string>();
        for (const auto& part : annotation.at("segments_info"))
          annotated.parts[part.at("id").get<std::uint32_t>()] = part.at("category_id").get<int>();
        continue;
      }
      try {
        annotated.outlines.push_back(outline_of(annotation));
      } catch (const Error& error) {
        listing.problems.add("malformed list", fmt::format("{}: picture {}: {}", file.string(), id, error.what()));
      }
    }
    std::map<std::string, Sample> in_order;
    for (const auto& [id, sample] : samples) {
      if (!labelled.contains(id))
        listing.problems.add("image without label", fmt::format("{}: no annotation of it", sample.image.string()));
      else if (!is_file(listing.folder / sample.image))
        listing.problems.add("missing file", fmt::format("{}: {} names it", sample.image.string(), file.string()));
      else if (!is_file(listing.folder / sample.label))
        listing.problems.add("missing file", fmt::format("{}: {} names it", sample.label.string(), file.string()));
      else
        in_order.emplace(sample.image.string(), sample);
    }
    for (const auto& [path, sample] : in_order) {
      auto& outlines = pictures[path].outlines;
      std::stable_sort(outlines.begin(), outlines.end(), [](const auto& a, const auto& b) { return a.area > b.area; });
      listing.samples.add(sample);
    }
  }

  // Large outlines first, so that what is small and in front stays visible.
  static ImageU8 paint_outlines(const Annotated& annotated, const Ontology& ontology, UnknownLabels& unknown,
                                const std::string& name) {
    ImageU8 label(annotated.width, annotated.height, 1, kIgnoreId);
    for (const auto& outline : annotated.outlines) {
      const auto id = ontology.find_raw(outline.category);
      if (!id) {
        ++unknown.count;
        unknown.example = fmt::format("category {}", outline.category);
      }
      try {
        for (const auto& polygon : outline.polygons) paint_polygon(label, polygon, id.value_or(kIgnoreId));
        if (!outline.runs.empty()) paint_runs(label, outline.runs, id.value_or(kIgnoreId));
      } catch (const Error& error) {
        fail("{}: {}", name, error.what());
      }
    }
    return label;
  }

  static ImageU8 paint_parts(const fs::path& file, const Annotated& annotated, const Ontology& ontology,
                             UnknownLabels& unknown) {
    const ImageU8 ids = read_image(file, PixelFormat::kRgb);
    ImageU8 label(ids.width, ids.height, 1, kIgnoreId);
    std::uint32_t last = 0;  // segment 0 is void
    ClassId id = kIgnoreId;
    bool known = true;
    for (std::size_t i = 0; i < label.data.size(); ++i) {
      const std::uint32_t part = ids.data[3 * i] | ids.data[3 * i + 1] << 8 | ids.data[3 * i + 2] << 16;
      if (part != last) {
        last = part;
        const auto found = annotated.parts.find(part);
        const auto its = found == annotated.parts.end() ? std::nullopt : ontology.find_raw(found->second);
        known = part == 0 || its.has_value();
        id = part == 0 ? kIgnoreId : its.value_or(kIgnoreId);
      }
      label.data[i] = id;
      if (known) continue;
      ++unknown.count;
      unknown.example = fmt::format("segment {}", part);
    }
    return label;
  }

  bool panoptic_;
};

class CocoWriter final : public SampleWriter {
 public:
  CocoWriter(const WriteOptions& options, bool panoptic) : options_(options), panoptic_(panoptic) {
    require_new_folder(options_.folder);
  }

  void add(const Sample& sample, const SampleContent& content) override {
    if (content.image.empty() || content.label.empty())
      fail("sample {} has no picture; COCO holds pictures", sample.name);
    const std::string stem = plain_name(sample.name);
    std::vector<std::uint8_t> bytes;
    if (!content.image_file.empty()) bytes = read_file(content.image_file);
    const bool jpeg = bytes.size() > 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
    const std::string name = stem + (jpeg ? ".jpg" : ".png");
    write_file_atomically(options_.folder / sample.split / name, jpeg ? bytes : encode_png(content.image));
    const ImageU8& label = content.label;
    std::array<std::uint64_t, 256> area{};
    std::array<std::array<int, 4>, 256> box;  // left, top, right, bottom
    box.fill({label.width, label.height, -1, -1});
    for (int v = 0; v < label.height; ++v)
      for (int u = 0; u < label.width; ++u) {
        const ClassId id = *label.at(u, v);
        ++area[id];
        box[id] = {std::min(box[id][0], u), std::min(box[id][1], v), std::max(box[id][2], u), std::max(box[id][3], v)};
      }
    // Category and segment ids are the class ids plus one: 0 is void.
    Entry entry;
    entry.image = {{"id", content.ordinal + 1}, {"file_name", name}, {"width", label.width}, {"height", label.height}};
    Json parts = Json::array();
    for (const auto& c : options_.ontology.classes()) {
      if (area[c.id] == 0) continue;
      const auto& b = box[c.id];
      Json part = {{"id", c.id + 1},
                   {"category_id", c.id + 1},
                   {"area", area[c.id]},
                   {"bbox", {b[0], b[1], b[2] - b[0] + 1, b[3] - b[1] + 1}},
                   {"iscrowd", panoptic_ ? 0 : 1}};
      if (!panoptic_) {
        part["id"] = (content.ordinal + 1) * 256 + c.id;
        part["image_id"] = content.ordinal + 1;
        part["segmentation"] = {{"size", {label.height, label.width}}, {"counts", runs_of(label, c.id)}};
        entry.annotations.push_back(std::move(part));
      } else {
        parts.push_back(std::move(part));
      }
    }
    if (panoptic_) {
      ImageU8 ids(label.width, label.height, 3);
      for (std::size_t i = 0; i < label.data.size(); ++i)
        ids.data[3 * i] = label.data[i] < options_.ontology.size() ? static_cast<std::uint8_t>(label.data[i] + 1) : 0;
      write_png(options_.folder / "annotations" / ("panoptic_" + sample.split) / (stem + ".png"), ids);
      entry.annotations.push_back(
          {{"image_id", content.ordinal + 1}, {"file_name", stem + ".png"}, {"segments_info", parts}});
    }
    const std::lock_guard lock(mutex_);
    entries_[sample.split].emplace(content.ordinal, std::move(entry));
  }

  void finish() override {
    Json categories = Json::array();
    for (const auto& c : options_.ontology.classes())
      categories.push_back(
          {{"id", c.id + 1}, {"name", c.name}, {"supercategory", "class"}, {"isthing", 0}, {"color", c.color}});
    for (const auto& [split, entries] : entries_) {
      Json images = Json::array(), annotations = Json::array();
      for (const auto& [ordinal, entry] : entries) {
        images.push_back(entry.image);
        for (const auto& annotation : entry.annotations) annotations.push_back(annotation);
      }
      write_file_atomically(
          options_.folder / "annotations" / ((panoptic_ ? "panoptic_" : "instances_") + split + ".json"),
          Json{{"info", {{"description", "written by Bramble"}}},
               {"licenses", Json::array()},
               {"images", images},
               {"annotations", annotations},
               {"categories", categories}}
              .dump());
    }
  }

 private:
  struct Entry {
    Json image;
    std::vector<Json> annotations;
  };
  WriteOptions options_;
  bool panoptic_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::size_t, Entry>> entries_;  // by split and ordinal
};

std::unique_ptr<SampleWriter> CocoFormat::write(const WriteOptions& options) const {
  return std::make_unique<CocoWriter>(options, panoptic_);
}

}  // namespace

const DatasetFormat& coco_instances_format() {
  static const CocoFormat format(false);
  return format;
}
const DatasetFormat& coco_panoptic_format() {
  static const CocoFormat format(true);
  return format;
}

}  // namespace bramble
