# embed.cmake: turns the demo's SQL files into one C file, a table of name and text.
# Usage: cmake -DSOURCES="a.sql;b.sql" -DOUTPUT=scripts.c -P embed.cmake
set(code "/* Made by cmake/embed.cmake from demo/sql: do not edit. */\n#include \"cli/demo/scripts.h\"\n\nconst demo_script_text demo_scripts[] = {\n")
foreach(source ${SOURCES})
    get_filename_component(name "${source}" NAME_WE)
    file(READ "${source}" text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
    string(APPEND code "    {\"${name}\",\n     \"${text}\"},\n")
endforeach()
string(APPEND code "    {0, 0},\n};\n")
file(WRITE "${OUTPUT}" "${code}")
