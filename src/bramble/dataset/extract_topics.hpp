#pragma once
#include <string>
#include <vector>

#include "bramble/stream/message.hpp"

namespace bramble {

/// The topics of one camera.
struct CameraTopics {
  std::string image;
  std::string label;
  std::string depth;  ///< empty: none
  std::string name;   ///< in the names of samples; empty: from the topic
};

/// What a topic holds, by its type and the words in its name: «semantic», «segmentation», «label», «mask» for labels,
/// «depth» for depth, «instance», «normal», «flow», «debug», «overlay» for none of these, else pictures.
enum class TopicRole { kPicture, kLabel, kDepth, kOther };
TopicRole role_of(const TopicInfo& topic);

/// The cameras of a recording when nobody named them: with one picture topic and one label topic it is that pair; with
/// several, pictures and labels that share a word of their names («front», «left») and no other does. Throws Error
/// listing what there is when that leaves a doubt.
std::vector<CameraTopics> find_cameras(const std::vector<TopicInfo>& topics, const std::string& bag);
/// The only topic of one of these types. Throws Error listing them when there is none, or several.
std::string find_only(const std::vector<TopicInfo>& topics, const std::vector<std::string>& types,
                      const std::string& option, const std::string& bag);

/// Gives every camera without name one that tells it from the others: the shortest tail of its picture topic that does.
void name_cameras(std::vector<CameraTopics>& cameras);

}  // namespace bramble
