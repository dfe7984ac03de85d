#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// One pair of picture and label, made at the same stamp. Paths are relative to the data set's folder.
struct Sample {
  std::string name;
  StampNs stamp_ns = 0;
  std::filesystem::path image;
  std::filesystem::path label;
  std::string split;  ///< train, val or test
};

/// A data set on disk, in Bramble's own layout, which is also PerceptionMetrics' GAIA layout:
///   images/NAME.png  RGB 8 bit      labels/NAME.png  grey 8 bit ids (255: ignored)
///   index.csv        name,stamp_ns,image,label,split
///   dataset.parquet  image,label,split (GAIA index)    ontology.yaml, ontology.json (the same classes)
class Dataset {
 public:
  /// Throws Error naming folder (file, line) and reason when it is missing, not finished, or a file of it is missing.
  /// Pictures are not opened: check_dataset() (statistics.hpp) does that.
  static Dataset open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const Ontology& ontology() const { return ontology_; }
  const std::vector<Sample>& samples() const { return samples_; }
  std::size_t size() const { return samples_.size(); }
  /// [H, W, 3] RGB. Thread-safe.
  ImageU8 load_image(std::size_t index) const;
  /// [H, W, 1] ids. Throws Error naming the file and the value when it holds an id that the ontology lacks.
  /// Thread-safe.
  ImageU8 load_label(std::size_t index) const;

 private:
  std::filesystem::path folder_;
  Ontology ontology_;
  std::vector<Sample> samples_;
};

}  // namespace bramble
