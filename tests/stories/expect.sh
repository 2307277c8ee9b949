# Sourced by every story. `expect CODE COMMAND …` runs a command line and ends the story unless it
# ends with CODE; standard output passes, standard error is kept in `said`.
expect() {
    wanted=$1
    shift
    got=0
    "$@" 2>said || got=$?
    [ "$got" = "$wanted" ] && return 0
    echo "'$*' ended with $got, not $wanted:" >&2
    cat said >&2
    exit 99
}

# Ends the story unless the last command said TEXT on standard error.
said() {
    grep -qF -- "$1" said && return 0
    echo "nothing said '$1':" >&2
    cat said >&2
    exit 98
}

# Ends the story unless standard input holds TEXT.
holds() {
    cat >held
    grep -qF -- "$1" held && return 0
    echo "nothing holds '$1':" >&2
    cat held >&2
    exit 97
}

# Prints what a Python EXPRESSION makes of FILE, whose JSON is `answer` there.
json() {
    python -c 'import json, sys; answer = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
