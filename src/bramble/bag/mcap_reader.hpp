#pragma once
#include "bramble/bag/storage.hpp"

namespace bramble {

/// Reads an MCAP file with messages in CDR: chunked or not, chunks plain, zstd or lz4, with or without message index
/// and summary. The file's records are walked once, chunks with an index are not unpacked for that; messages come in
/// order of (log time, place in the file). Memory holds 24 bytes for each message and one or two chunks. `recover`: a
/// file without footer or with a torn last record, or a chunk whose checksum is wrong, gives what is whole; else that
/// is an Error. Source: MCAP's specification (mcap.dev/spec).
std::unique_ptr<StorageReader> open_mcap_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                              bool recover);

}  // namespace bramble
