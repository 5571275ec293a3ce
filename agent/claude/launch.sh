# Runs Claude in a launch's folder: `launch.sh FOLDER CLAUDE ARGUMENT...`
#   environment   read by this shell before Claude starts, then removed: it may hold a key
#   prompt.txt    the first prompt: goes in on stdin, the terminal stays on stdout and the keyboard usable
#   exit-code     written when Claude has ended, also when the agent isn't there to see it
folder=$1
shift
if [ -r "$folder/environment" ]; then
    . "$folder/environment"
    rm -f "$folder/environment"
fi
# SIGHUP must end this shell: the kernel hangs up only the leader of a session, and whoever else has the terminal when
# the leader ends. A shell that stayed would see Claude end with 0, as if a person had left. So no code is kept then.
# A handler, unlike an ignored signal, isn't passed on to Claude.
trap : INT QUIT TERM
if [ -r "$folder/prompt.txt" ]; then
    "$@" <"$folder/prompt.txt"
else
    "$@"
fi
code=$?
echo "$code" >"$folder/.exit-code" && mv "$folder/.exit-code" "$folder/exit-code"
exit "$code"
