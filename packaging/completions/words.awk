# Reads --help; prints what may stand at the cursor, a word and its description in each line.
# words: the words before the cursor that begin with no "-", the program excepted; previous: the word before it;
# current: what is typed of it. Prints nothing where a file name or a free value belongs.
function offer(word, text) { found = found word "\t" text "\n" }
function values(text) {  # "Allowed: a, b or c."
  if (!match(text, /Allowed: [a-z]+(, [a-z]+)*( or [a-z]+)?[.,]/)) return
  text = substr(text, RSTART + 9, RLENGTH - 10)
  gsub(/,| or /, " ", text)
  for (i = split(text, list, " "); i > 0; i--) offer(list[i], "")
}
function interfaces() {
  while (("ls /sys/class/net" | getline name) > 0) if (name != "lo") offer(name, "interface")
}
/^Usage: / { depth = split($0, usage, " ") ; for (i = 3; i <= depth && usage[i] !~ /^\[/; i++); depth = i - 3 }
/^[A-Z].*:$/ { section = $0 }
section == "Positionals:" && /^  interface / && words == depth { is_interface = 1 }
function end_option(  i) {
  for (i = 1; i <= number; i++) {
    if (takes_value && names[i] == previous) { is_value = 1; value_of = names[i]; value_text = text }
    if (names[i] ~ /^--/) options = options names[i] "\t" text "\n"
  }
  number = 0
}
section == "Options:" && /^  -/ {
  end_option()
  number = split($1, names, ",")
  rest = $0
  sub(/^  [^ ]+/, "", rest)
  takes_value = rest ~ /^ [A-Z]/ && rest !~ /^ Excludes:/
  text = rest
  if (!sub(/^ ?[^ ]*( \.\.\.)? +/, "", text)) text = ""
}
section == "Options:" && /^     / && number { sub(/^ +/, ""); text = text (text ? " " : "") $0 }  # a long line goes on
function end_command() { if (command) offer(command, command_text) ; command = "" }
section == "Subcommands:" && /^  [a-z]/ { end_command(); command = $1; $1 = ""; command_text = substr($0, 2) }
section == "Subcommands:" && /^     / { sub(/^ +/, ""); command_text = command_text " " $0 }
END {
  end_option()
  end_command()
  if (is_value) {
    found = ""
    if (value_of == "--interface") interfaces()
    values(value_text)
  } else {
    if (is_interface) interfaces()
    if (!found || current ~ /^-/) found = found options
  }
  printf "%s", found
}
