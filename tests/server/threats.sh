#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What SECURITY.md says of `fovea serve`, claim by claim (each begins with "--" and the claim's
# name): what a web page in the user's browser, and a machine on the same network, can and cannot
# do. threats.sh PROGRAM GOLDEN
golden=$2
case $golden in /*) ;; *) golden=$PWD/$golden ;; esac
here=$(dirname "$0")
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"
export LC_ALL=C

answer() { # WANTED-STATUS PATH [CURL-ARGS...]: asks, leaves the body in body and the head in head
    want=$1 target=$2
    shift 2
    got=$(curl -sS --path-as-is -o body -D head -w '%{http_code}' "$@" "$address$target" 2>curl.err)
    case " $want " in *" $got "*) ;; *)
        fail "$target: status $got, expected $want: $(head -c 200 body)" ;;
    esac
}
json='Content-Type: application/json'

mkdir photos
evil=$(printf 'photos/a"; filename=b\r\nSet-Cookie: x=1\r\n\033[2J<script>\303\244.jpg')
cp "$golden/images/gray.jpg" "$evil"
cp "$golden/images/cmyk.jpg" photos/plain.jpg
run index photos --library library.db --model demo
expect_code 0
serve
id=$(curl -sS "$address/api/v1/photos?limit=9" | grep -o '"id":[0-9]*' | sed 's/.*://' | head -n 1)
port=${address##*:}

echo "-- W1: a name of another site that points here (DNS rebinding)"
for host in evil.example "evil.example:$port" 127.0.0.1.evil.example localhost.evil.example \
    "evil.example@127.0.0.1" "127.0.0.1#.evil.example" ""; do
    answer "400 403" /api/v1/photos -H "Host: $host"
    ! grep -q '"photos"' body || fail "photographs are shown to $host"
    answer "400 403" / -H "Host: $host"
done
printf 'GET /api/v1/photos HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n' |
    curl -sS --max-time 5 "telnet://127.0.0.1:$port" >body 2>/dev/null
! grep -q '200 OK' body || fail "two Host headers are taken"
answer 200 /api/v1/photos -H "Host: localhost:$port"

echo "-- W2: requests that a foreign page sends without asking (forms, pictures, scripts, frames)"
for source in "Origin: http://evil.example" "Origin: null" "Origin: http://127.0.0.1:1" \
    "Origin: http://127.0.0.1.evil.example" "Origin: http://localhost" \
    "Sec-Fetch-Site: cross-site" "Sec-Fetch-Site: same-site"; do
    for type in text/plain application/x-www-form-urlencoded application/json; do
        answer 403 /api/v1/duplicates/decisions -H "$source" -H "Content-Type: $type" \
            -d '{"photos":[1,2],"decision":"not-duplicate"}'
    done
    answer 403 /api/search/image -H "$source" -F file=@"$golden/images/gray.jpg"
    answer 403 "/api/v1/photos/$id/thumbnail" -H "$source"
    answer 403 /api/v1/events -H "$source" --max-time 2
    answer 403 /api/v1/categories/x -H "$source" -X DELETE
done
# What a form can send is not taken either where no browser says who asks.
for type in text/plain application/x-www-form-urlencoded; do
    answer 415 /api/v1/duplicates/decisions -H "Content-Type: $type" \
        -d '{"photos":[1,2],"decision":"not-duplicate"}'
done
answer 403 /api/v1/search -X OPTIONS -H 'Origin: http://evil.example' \
    -H 'Access-Control-Request-Method: POST'
! grep -qi '^access-control-allow-origin' head || fail "a foreign page may read"

echo "-- W3: nothing that is answered can be shown or run by a foreign page"
for target in / /api/v1/photos "/api/v1/photos/$id/original" "/api/v1/photos/$id/thumbnail"; do
    answer 200 "$target"
    for header in 'x-content-type-options: nosniff' 'x-frame-options: DENY' \
        "content-security-policy: default-src 'none'" 'cross-origin-resource-policy: same-origin'; do
        grep -qi "^$header" head || fail "$target: no $header"
    done
    ! grep -qiE '^(access-control-allow-origin|access-control-allow-credentials)' head ||
        fail "$target can be read by any page"
done

echo "-- P6: a photograph's name in headers, in JSON and in the log"
for one in $(curl -sS "$address/api/v1/photos?limit=9" | grep -o '"id":[0-9]*' | sed 's/.*://'); do
    answer 200 "/api/v1/photos/$one/original?as=file"
    [ "$(grep -ci '^content-disposition: attachment; filename\*=UTF-8' head)" -eq 1 ] ||
        fail "Content-Disposition: $(grep -i '^content-disp' head)"
    ! grep -qi '^set-cookie' head || fail "a name has made a header"
    ! grep -i '^content-disp' head | tr -d '\r' | grep -q '[^ -~]' || fail "bytes in a header"
done
answer 200 "/api/v1/photos?limit=9"
! tr -d '\n' <body | grep -qP '[\x00-\x1f]' || fail "control characters in JSON"
grep -q 'script' body || fail "the name is not there"
answer "400 404" '/images/%1b%5b2J%0d%0aGET%20/forged'
answer "400 404" '/images/%c2%9b31m'
! tr -d '\n' <serve.err | grep -qP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]' || fail "the log obeys"

echo "-- N3: files by their paths"
echo secret >secret.txt
for target in /images/../secret.txt /images/..%2fsecret.txt /images/%2e%2e/secret.txt \
    /images/..%5csecret.txt /images//etc/passwd /images/%2fetc%2fpasswd /../../etc/passwd \
    /assets/../../secret.txt /%2e%2e%2fsecret.txt "/images/$scratch/secret.txt" \
    /images/plain.jpg%00.txt /images/....//secret.txt /images/%252e%252e%252fsecret.txt \
    /images/library.db /library.db /api/v1/photos/../../../secret.txt; do
    answer "400 404" "$target"
    ! grep -qE 'secret$|root:' body || fail "$target was given out"
done

echo "-- N4: more of everything than anybody needs"
long() { head -c "$1" /dev/zero | tr '\0' "${2:-a}"; }
answer "400 414 431" "/images/$(long 9000)"
answer 431 /api/health -H "X: $(long 40000)"
answer "400 414" "/api/v1/photos?$(long 40 | sed 's/a/\&a=1/g')"
long 1048577 ' ' >large
answer 413 /api/v1/search -H "$json" --data-binary @large
answer 413 /api/v1/search -H "$json" -H 'Transfer-Encoding: chunked' --data-binary @large
{ long 17 '['; long 17 ']'; } >deep
answer "400 422" /api/v1/search -H "$json" --data-binary @deep
{ printf '{"texts":'; long 500000 '['; } >deep
answer "400 422" /api/v1/search -H "$json" --data-binary @deep
{ printf '{"filters":'; long 100000 '{' | sed 's/{/{"a":/g'; } >deep
answer "400 422" /api/v1/search -H "$json" --data-binary @deep
answer 422 /api/v1/search -H "$json" -d "{\"texts\":[{\"text\":\"$(long 5000)\"}]}"
answer 422 /api/v1/search -H "$json" \
    -d "{\"texts\":[$(long 16 | sed 's/a/{"text":"a"},/g'){\"text\":\"b\"}]}"
answer 422 /api/v1/search -H "$json" -d '{"texts":[{"text":"a"}],"limit":1000000}'
answer "400 422" /api/v1/search -H "$json" -d '{"texts":[{"text":"a","weight":1e308}]}'
answer 422 /api/v1/duplicates/decisions -H "$json" \
    -d "{\"photos\":[$(long 100 | sed 's/a/1,/g')1],\"decision\":\"not-duplicate\"}"
answer 404 /api/v1/photos/99999999999999999999999/similar
set --
for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    set -- "$@" -F "image=@$golden/images/one-pixel.png;filename=$part"
done
answer "400 413" /api/v1/search "$@"
answer "400 413" /api/v1/search -F "$(long 5000)=x"
head -c 34603010 /dev/zero >large
answer 413 /api/search/image -F file=@large
head -c 33554433 /dev/zero >large
answer "413 422" /api/search/image -F file=@large
# 60,000 x 60,000 pixels in 70 bytes: refused by its header.
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\352\140\0\0\352\140\010\2\0\0\0' >bomb.png
answer 400 /api/search/image -F file=@bomb.png
grep -q 'megapixel' body || fail "no word about its size: $(cat body)"
answer 200 /api/health
stop
expect_code 0

echo "-- N1: without the token nothing of the library is told"
token=correct-horse-battery-staple
echo $token >token
serve --token-file token
grep -o '^    "/[^"]*"' "$golden/../../data/openapi.json" | tr -d ' "' | grep -v '^/api/health$' |
    grep -vE '^/api/v1/(session|openapi.json)$' | sed "s/{id}/$id/; s/{[a-z]*}/x/g" >targets
[ "$(wc -l <targets)" -ge 15 ] || fail "only $(wc -l <targets) addresses are known"
while read -r target; do
    answer "401 405" "$target" </dev/null
    answer "401 405" "$target" -H 'Cookie: fovea_session=' -X POST </dev/null
    ! grep -qE 'photos|plain' body || fail "$target tells: $(head -c 100 body)"
done <targets
answer 200 /api/health
! grep -qE 'photos/|plain.jpg|library.db' body || fail "/api/health tells: $(cat body)"

echo "-- N2: guessing tokens is slowed, by address, wherever a token is taken"
answer 200 /api/v1/status -H "Authorization: Bearer $token"
answer 204 /api/v1/session -c jar -H "$json" -d "{\"token\":\"$token\"}"
n=0 looked=0
while [ $n -lt 10 ]; do
    n=$((n + 1))
    answer "401 429" /api/v1/status -H "Authorization: Bearer wrong-horse-battery-$n"
    [ "$got" = 429 ] || looked=$((looked + 1))
    answer "401 429" /api/v1/session -H "$json" -d "{\"token\":\"wrong-horse-battery-$n\"}"
    [ "$got" = 429 ] || looked=$((looked + 1))
    answer "303 429" "/?token=wrong-horse-battery-$n"
    [ "$got" = 429 ] || looked=$((looked + 1))
done
# Five, and one more for each pause of 1, 2, 4 … seconds that passed meanwhile.
{ [ "$looked" -ge 5 ] && [ "$looked" -le 15 ]; } || fail "$looked of 30 guesses were looked at"
for _ in 1 2 3; do # into the next pause, if the last has just ended
    answer "401 429" /api/v1/status -H "Authorization: Bearer wrong-horse-battery"
    [ "$got" = 429 ] && break
done
answer 429 /api/v1/status -H "Authorization: Bearer wrong-horse-battery"
grep -qi '^retry-after: [0-9]' head || fail "not said how long"
grep -q 'wait' body || fail "not said why: $(cat body)"
# Whoever is logged in stays so.
answer 200 /api/v1/status -b jar
! grep -qE 'horse' serve.err || fail "tokens are in the log"
stop
expect_code 0

echo "-- N5: only this machine, unless told otherwise, and then with a token"
run serve --library library.db --model demo --listen 0.0.0.0:0
expect_code 2
finish
