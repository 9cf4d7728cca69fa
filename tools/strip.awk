# strip.awk: C source with comments and string literals blanked, line for line, so that the
# other checks see code only. Reads several files: FILENAME and FNR stay true.
FNR == 1 { in_comment = 0 }
{
    rest = $0
    out = ""
    while (rest != "") {
        if (in_comment) {
            at = index(rest, "*/")
            if (at == 0) { rest = ""; break }
            rest = substr(rest, at + 2)
            in_comment = 0
            out = out " "
            continue
        }
        if (!match(rest, /"|'|\/\/|\/\*/)) { out = out rest; break }
        mark = substr(rest, RSTART, RLENGTH)
        out = out substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART)
        if (mark == "//") break
        if (mark == "/*") { in_comment = 1; rest = substr(rest, 3); continue }
        out = out mark mark
        pattern = mark == "\"" ? "^\"([^\"\\\\]|\\\\.)*\"" : "^'([^'\\\\]|\\\\.)*'"
        if (!match(rest, pattern)) break
        rest = substr(rest, RLENGTH + 1)
    }
    print FILENAME ":" FNR ":" out
}
