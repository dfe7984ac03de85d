# Makes a C++ file that holds the files of a web page (src/bramble/serve/page_files.hpp).
#   cmake -D ROOT=FOLDER -D FILES=a|b|c -D OUTPUT=page_files.cpp -P EmbedPage.cmake
# FILES are absolute paths below ROOT, which their names in the page are relative to. The assembler reads their bytes
# (.incbin), so that a megabyte of them costs no compile time; the checksums in the text make ccache and ninja see a
# change.
string(REPLACE "|" ";" FILES "${FILES}")
set(blobs "")
set(table "")
set(index 0)
set(sorted "")
foreach(file ${FILES})
  if(file STREQUAL "${ROOT}/index.html")
    list(PREPEND sorted "${file}")
  else()
    list(APPEND sorted "${file}")
  endif()
endforeach()
foreach(file ${sorted})
  file(RELATIVE_PATH name "${ROOT}" "${file}")
  file(SHA256 "${file}" checksum)
  string(SUBSTRING "${checksum}" 0 32 tag)
  set(symbol "bramble_page_${index}")
  string(APPEND blobs "asm(\".pushsection .rodata\\n.balign 16\\n.hidden ${symbol}\\n.hidden ${symbol}_end\\n\"\n"
    "    \".globl ${symbol}\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n\"\n"
    "    \".globl ${symbol}_end\\n${symbol}_end:\\n.byte 0\\n.popsection\\n\");  // ${checksum}\n"
    "extern \"C\" {\nextern const std::uint8_t ${symbol}[] __attribute__((visibility(\"hidden\")));\n"
    "extern const std::uint8_t ${symbol}_end[] __attribute__((visibility(\"hidden\")));\n}\n")
  string(APPEND table "      {\"/${name}\", \"\\\"${tag}\\\"\", {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUTPUT}.new" "// Made by cmake/EmbedPage.cmake.
#include \"bramble/serve/page_files.hpp\"

#include <array>

${blobs}
namespace bramble {

std::span<const PageFile> page_files() {
  static const std::array<PageFile, ${index}> files = {{
${table}  }};
  return files;
}

}  // namespace bramble
")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
