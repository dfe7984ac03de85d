#include "bramble/infer/mask_writer.hpp"

#include <algorithm>
#include <array>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/eval/figures.hpp"

namespace bramble {

namespace fs = std::filesystem;

void MaskWriter::write(const std::string& name, const ImageU8& picture, const ImageU8& labels) const {
  const ImageU8 color = ontology_.colorize(labels);
  const ImageU8 overlay = blend(picture, color, opacity_);
  const std::array<std::pair<const char*, const ImageU8*>, 3> files{
      {{"masks", &labels}, {"color", &color}, {"overlay", &overlay}}};
  parallel_for(files.size(),
               [&](std::size_t i) { write_png(folder_ / files[i].first / (name + ".png"), *files[i].second); });
}

std::vector<fs::path> list_pictures(const std::vector<fs::path>& arguments) {
  std::vector<fs::path> pictures;
  for (const fs::path& argument : arguments) {
    if (!fs::exists(argument)) fail("picture {} does not exist", argument.string());
    if (!fs::is_directory(argument)) {
      pictures.push_back(argument);
      continue;
    }
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(argument)) {
      std::string extension = entry.path().extension().string();
      std::transform(extension.begin(), extension.end(), extension.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if (entry.is_regular_file() && (extension == ".png" || extension == ".jpg" || extension == ".jpeg"))
        found.push_back(entry.path());
    }
    if (found.empty()) fail("folder {} holds no PNG or JPEG pictures", argument.string());
    std::sort(found.begin(), found.end());
    pictures.insert(pictures.end(), found.begin(), found.end());
  }
  return pictures;
}

}  // namespace bramble
