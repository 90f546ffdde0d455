#!/bin/bash
# client.sh HOST PORT NAME [--state FILE]: a whole client, of bash alone: no other program is started.
# Lines of standard input, `Bob hello`, are sent one after the other; what arrives is printed as `Alice: hello`, all else to
# standard error. PRIVMSG_PASSWORD or PRIVMSG_TOKEN proves the name. At the end of input what waits is fetched, then it ends.
#
# bash has no TLS: to reach another machine, let stunnel or socat (OPENSSL:HOST:7749,cafile=FILE) listen on this one. Nor has it
# JSON. What is read here relies on how this server writes (protocol.md §4, §7): known order of keys, no spaces, quotes within
# strings escaped; another value than a string is shown as it stands. Control characters are sent as spaces.
LC_ALL=C.UTF-8
host=$1 port=$2 name=$3 state=
case $#$4${5:+=} in 3) ;; 5--state=) state=$5 ;; *) echo "usage: client.sh HOST PORT NAME [--state FILE]" >&2; exit 2 ;; esac
heartbeat=30             # seconds; a connection on which nothing comes for two of them is dead
epoch=0 pos=0 line=      # up to pos, which counts within epoch (0: in none), everything has been printed
token=                   # proves the name on the next connection
attempt=0 refused=0      # to connect; whether something was, for the exit code
message= typed= ended=   # what has no answer yet; what of the next line is there; whether the input has ended
trap '' PIPE             # writing to a connection that is gone is an error like others
exec {never}<> <(:)      # to sleep on

send() { printf '%s\n' "$1" >&"$server"; } 2> /dev/null

quote() { quoted=${1//\\/\\\\} quoted=${quoted//\"/\\\"} quoted=\"${quoted//[[:cntrl:]]/ }\"; }

unescape() { # sets plain; nothing is left that drives a terminal
    local rest=$1 c; plain=
    while [[ $rest == *\\* ]]; do
        plain+=${rest%%\\*} rest=${rest#*\\} c=${rest:0:1} rest=${rest:1}
        [[ $c == [bfnrt] ]] && c=' '
        if [[ $c == u ]]; then
            c=$((16#${rest:0:4})) rest=${rest:4}
            ((c >> 10 == 54)) && c=$((((c - 0xd7c0) << 10) + (16#${rest:2:4} & 1023))) rest=${rest:6}
            ((c < 32 || (c >= 127 && c < 160))) && c=32
            printf -v c '\\U%08x' "$c"; printf -v c "$c"
        fi
        plain+=$c
    done
    plain+=$rest
}

number() { [[ $2 =~ \"$1\":([0-9]+) ]] && number=${BASH_REMATCH[1]} || number=0; }

register() {
    local way=password secret=$PRIVMSG_PASSWORD command
    [[ $PRIVMSG_TOKEN ]] && way=token secret=$PRIVMSG_TOKEN
    [[ $token ]] && way=resumeToken secret=$token
    command='{"type":"register","deliver":"ack","heartbeatMs":'${heartbeat}000
    quote "$name"; command+=,\"username\":$quoted
    quote "client.sh on ${HOSTNAME:0:51}"; command+=,\"device\":$quoted # at most 64
    ((epoch)) && command+=,\"after\":$pos,\"epoch\":$epoch
    quote "$secret"
    [[ $token || ( $secret && $line == *\"auth\":[^]]*\"$way\"* ) ]] && command+=,\"$way\":$quoted # not where it could be overheard
    send "$command}"
}

remember() { [[ ! $state ]] || printf '%020d %020d\n' "$epoch" "$pos" 1<> "$state" || exit; } # always as long, so never half

show() { # prints what arrived, once, and acknowledges it only then
    local form='^\{"type":"privateMessage","from":"([^"]*)","message":(.*),"time":"[^"]*"(.*)\}$' rest=$line who text
    [[ $line =~ $form ]] && who=${BASH_REMATCH[1]} text=${BASH_REMATCH[2]} rest=${BASH_REMATCH[3]}
    number pos "$rest"
    ((number && number <= pos)) && return
    if [[ $who ]]; then
        [[ $rest =~ \"to\":\"([^\"]*)\" ]] && who+=" to ${BASH_REMATCH[1]}" # another device of this account sent it
        [[ $text == \"* ]] && text=${text:1:-1}
        unescape "$text"
        printf '%s: %s\n' "$who" "$plain" || exit
    else echo "$line" >&2; fi
    ((number)) || return
    pos=$number
    remember
    send '{"type":"ack","pos":'"$pos}"
}

handle() { # one line; returns 1 if the connection ends with it
    local kind=${line#*:\"} refusal=; kind=${kind%%\"*}
    [[ $kind == errorMessage ]] && refusal=$line
    if [[ $kind == hello ]]; then register
    elif [[ $kind == registered ]]; then
        registered=1 attempt=0 token=${line#*\"resumeToken\":\"} token=${token%%\"*}
        [[ $line == *'"resumed":true'* ]] || { number epoch "$line"; epoch=$number; number ackedPos "$line"; pos=$number; }
        ((epoch)) || synced=1 # open mode: nothing waits
        [[ $message ]] && send "$message"
    elif [[ $kind == synced ]]; then synced=1
    elif [[ $kind == ping ]]; then send '{"type":"pong"}'
    elif [[ $kind == goodbye && $left ]]; then exit $refused
    elif [[ $kind == goodbye || $refusal == *'"command":"register"'* ]]; then
        number '[a-z]*[aA]fterMs' "$line"; echo "$line" >&2
        if [[ $token && $refusal == *'"code":"authFailed"'* ]]; then token= # the password may still do
        elif [[ $line != *'"reconnect":true'* && $refusal != *'"retryable":true'* ]]; then exit 1; fi
        return 1
    elif [[ $refusal == *'"retryable":true'* ]]; then number retryAfterMs "$line"; repeat_at=$((SECONDS + 1 + number / 1000))
    elif [[ $kind == accepted ]]; then message=
    elif [[ $refusal ]]; then message= refused=1; echo "$line" >&2
    elif [[ ! $left ]]; then show; fi
    return 0
}

session() { # one connection, to its end; sets number to how many milliseconds the server wants to be left alone
    local registered= synced= left= repeat_at= last=$SECONDS line= part to code; number=0
    exec {server}<> "/dev/tcp/$host/$port" || return
    while ((SECONDS - last <= 2 * heartbeat)); do
        if [[ $registered && ! $message && ! $ended ]]; then # its turn
            IFS= read -r -t 0.01 part; code=$?
            typed+=$part
            ((code > 0 && code <= 128)) && ended=1
            if ((code <= 128)) && [[ $typed == *[![:space:]]* ]]; then
                to=${typed%% *} message=\"$EPOCHREALTIME.$$.$RANDOM\" # however often it is sent, it is one message
                message='{"type":"privateMessage","id":'$message',"messageId":'$message
                quote "$to"; message+=,\"toUsername\":$quoted
                typed=${typed:${#to}}; quote "${typed# }"; message+=,\"message\":$quoted}
                send "$message"
            fi
            ((code > 128)) || typed=
        fi
        [[ $repeat_at ]] && ((SECONDS >= repeat_at)) && repeat_at= && send "$message"
        [[ $ended && $synced && ! $message && ! $left ]] && left=1 && send '{"type":"bye"}'
        IFS= read -r -t 0.05 -u "$server" part; code=$?
        line+=$part
        ((code > 128)) && continue # the rest has not come yet
        ((code == 0)) || break     # nor will it
        last=$SECONDS
        handle || { line=goodbye; break; }
        line=
    done
    exec {server}>&-
    [[ $line == goodbye ]] || { number=0; echo "connection lost" >&2; }
}

[[ -f $state ]] && read -r -N 99 line < "$state"
if [[ $line =~ ^0*([0-9]{1,16})\ 0*([0-9]{1,16})[[:space:]]*$ ]]; then epoch=${BASH_REMATCH[1]} pos=${BASH_REMATCH[2]}
elif [[ $state ]]; then : > "$state" || exit; fi
remember # or it could be told too late that this cannot be done
while :; do
    session
    ((number += (50 << attempt) + RANDOM % (100 << attempt), attempt += attempt < 8)) # 50 ms to 38 s, by chance, and what the server said
    printf -v pause '%d.%03d' $((number / 1000)) $((number % 1000))
    read -r -t "$pause" -u "$never"
done
