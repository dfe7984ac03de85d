#pragma once
// What the formats have in common that are folders of pictures and label pictures.
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "bramble/dataset/format.hpp"

namespace bramble {

/// What the pixels of a label picture are.
enum class LabelCode {
  kIds,     ///< ids of the ontology, 255: ignored
  kRaw,     ///< raw values of the ontology
  kColors,  ///< its colours
};

/// Reader of label pictures FOLDER/sample.label.
std::function<ImageU8(const Sample&, UnknownLabels&)> label_picture_reader(std::filesystem::path folder,
                                                                           const Ontology& ontology, LabelCode code);
/// The picture of ids as it is written: grey ids, grey raw values, or colours. Throws Error when a raw value is above
/// 255.
ImageU8 encode_label(const ImageU8& ids, const Ontology& ontology, LabelCode code);

/// Files below `folder` whose names end in one of `endings`, relative to it, sorted; empty when it is not there.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                               const std::vector<std::string>& endings);
/// Subfolders, names only, sorted.
std::vector<std::string> subfolders(const std::filesystem::path& folder);
bool is_folder(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);

/// Pictures and labels by a key that both halves share; take(key, picture, label) for whole pairs in order of the key,
/// the others go to the problems («image without label: PATH: no …»).
using KeyedFiles = std::map<std::string, std::filesystem::path>;
void pair_by_key(const KeyedFiles& images, const KeyedFiles& labels, Problems& problems,
                 const std::function<void(const std::string& key, const std::filesystem::path& image,
                                          const std::filesystem::path& label)>& take);

/// The name with every character but letters, digits, «_», «-» and «.» replaced by «_».
std::string plain_name(const std::string& text);
/// Seconds and a fraction («1581624663_149», «1580867133-123456789») as nanoseconds; 0 when it is none.
StampNs stamp_from(const std::string& seconds, const std::string& fraction);

/// Writes pictures and labels to places that a format names.
class FolderWriter : public SampleWriter {
 public:
  struct Places {
    std::filesystem::path image;  ///< without extension: .png is added, or .jpg where the bytes are taken over
    std::filesystem::path label;  ///< with extension
    std::filesystem::path cloud, cloud_label;
  };
  struct Row {
    std::string split;
    std::filesystem::path image, label, cloud, cloud_label;
    std::string name;
    StampNs stamp_ns = 0;
    bool operator<(const Row& other) const {
      return std::tie(split, image, cloud) < std::tie(other.split, other.image, other.cloud);
    }
  };
  using Finish = std::function<void(const std::filesystem::path& folder, const std::set<Row>& rows)>;

  /// `jpeg`: JPEG files may be taken over as they are. Throws Error when the folder is not empty.
  FolderWriter(const WriteOptions& options, LabelCode code, bool jpeg,
               std::function<Places(const Sample&, const SampleContent&)> places, Finish finish);
  void add(const Sample& sample, const SampleContent& content) override;
  void finish() override;

 private:
  WriteOptions options_;
  LabelCode code_;
  bool jpeg_;
  std::function<Places(const Sample&, const SampleContent&)> places_;
  Finish finish_;
  std::mutex mutex_;
  std::set<Row> rows_;
};

/// Throws Error when a folder for a new data set holds anything.
void require_new_folder(const std::filesystem::path& folder);

}  // namespace bramble
