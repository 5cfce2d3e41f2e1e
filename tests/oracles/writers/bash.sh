# Writes the value of its first argument as bash does: a name and a text, each ended by a null byte.
value=$1
printf '%s\0' "printf %q" "$(printf %q "$value")" \
    "@Q" "${value@Q}" "declare -p" "$(declare -p value)" "set -x" "$( (set -x; : "$value") 2>&1)" \
    "here document" "$(cat <<<"$value")"
