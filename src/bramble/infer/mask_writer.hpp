#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Writes what a model made of pictures into a folder: masks/NAME.png (ids), color/NAME.png (the ontology's colours)
/// and overlay/NAME.png (colours over the picture). Each file is written whole or not at all.
class MaskWriter {
 public:
  MaskWriter(std::filesystem::path folder, Ontology ontology, float overlay_opacity = 0.45F)
      : folder_(std::move(folder)), ontology_(std::move(ontology)), opacity_(overlay_opacity) {}

  /// picture [H, W, 3], labels [H, W, 1].
  void write(const std::string& name, const ImageU8& picture, const ImageU8& labels) const;

 private:
  std::filesystem::path folder_;
  Ontology ontology_;
  float opacity_;
};

/// The pictures that the arguments name: files as they stand, and the PNG and JPEG files of folders, sorted by name.
/// Throws Error for what does not exist and for a folder without pictures.
std::vector<std::filesystem::path> list_pictures(const std::vector<std::filesystem::path>& arguments);

}  // namespace bramble
