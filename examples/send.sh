#!/bin/sh
# send.sh ME YOU TEXT [PORT]: sends one message; prints what went wrong, and fails, if it was not accepted.
text=$(printf %s "$3" | tr -d '[:cntrl:]' | sed 's/[\\"]/\\&/g')
printf '%s\n' '{"type":"register","username":"'"$1"'"}' \
    '{"type":"privateMessage","toUsername":"'"$2"'","message":"'"$text"'"}' '{"type":"bye"}' |
    nc 127.0.0.1 "${4:-7748}" | grep '"errorMessage"' >&2 && exit 1
exit 0
