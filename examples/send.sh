#!/bin/sh
# send.sh ME YOU TEXT [PORT]: sends one message; says what went wrong, and fails, unless it was accepted.
text=$(printf %s "$3" | tr -d '[:cntrl:]' | sed 's/[\\"]/\\&/g')
answer=$(printf '%s\n' '{"type":"register","username":"'"$1"'"}' \
    '{"type":"privateMessage","toUsername":"'"$2"'","message":"'"$text"'","id":1}' '{"type":"bye"}' |
    nc 127.0.0.1 "${4:-7748}")
printf %s "$answer" | grep -q '^{"type":"accepted"' && exit 0
printf '%s\n' "${answer:-no answer}" | grep -v '^{"type":"\(hello\|registered\)"' >&2
exit 1
