#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/dataset/format.hpp"
#include "bramble/dataset/sample_index.hpp"
#include "bramble/ontology/mapping.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// A data set on disk, in any format (format.hpp). Bramble's own layout is also PerceptionMetrics' GAIA layout:
///   images/NAME.png  RGB 8 bit      labels/NAME.png  grey 8 bit ids (255: ignored)
///   clouds/NAME.bin, cloud_labels/NAME.label, depth/NAME.png where they were asked for
///   index.csv        name,stamp_ns,image,label,split[,scene,depth,cloud,cloud_label]
///   dataset.parquet  image,label,split (GAIA index)    ontology.yaml, ontology.json (the same classes)
class Dataset {
 public:
  /// What names a data set on the command line: a folder, whose format is told by what is in it, or FORMAT:FOLDER, and
  /// behind it what is to be done on reading: ?map=ONTOLOGY or mapping file, ?split=train, ?ontology=FILE, and options
  /// of the format, joined by «&»: «rellis3d:/data/Rellis-3D?map=bramble&split=test».
  /// Throws Error naming folder (file, line) and reason when it is missing, not finished, or (Bramble's own) a file of
  /// it is missing. Of other formats, halves without partner are left out: problems() names them, and they are logged;
  /// `strict` refuses them. Pictures are not opened: check_dataset() (statistics.hpp) does that.
  static Dataset open(const std::filesystem::path& spec, bool strict = false);

  const std::filesystem::path& folder() const { return listing_.folder; }
  std::string_view format() const { return format_->name(); }
  const Ontology& ontology() const { return mapping_ ? mapping_->to() : listing_.ontology; }
  const SampleIndex& samples() const { return listing_.samples; }
  std::size_t size() const { return listing_.samples.size(); }
  /// What was left out when it was opened.
  const Problems& problems() const { return listing_.problems; }
  bool has_pictures() const { return size() > 0 && !listing_.samples[0].image.empty(); }

  /// [H, W, 3] RGB. Throws Error naming the file. Thread-safe.
  ImageU8 load_image(std::size_t index) const;
  /// [H, W, 1] ids. Throws Error naming the file and the value when it holds one that the ontology lacks. Thread-safe.
  ImageU8 load_label(std::size_t index) const;
  /// The same, but values that the ontology lacks become kIgnoreId and are counted.
  ImageU8 load_label(std::size_t index, UnknownLabels& unknown) const;
  /// [H, W, 1] metres along the optical axis, 0: unknown or 256 m and more; an empty picture when the sample has none.
  /// Throws Error naming the file. Thread-safe.
  ImageF32 load_depth(std::size_t index) const;
  /// Points, and labels (ids) where there are. Thread-safe.
  PointCloud load_cloud(std::size_t index, UnknownLabels& unknown) const;

 private:
  const DatasetFormat* format_ = nullptr;
  Listing listing_;
  std::optional<OntologyMapping> mapping_;
};

}  // namespace bramble
