#!/bin/sh
# Makes the certificates that lie beside this file; they are committed, so nobody needs to run this to use them.
# Wants openssl. For tests only: the server's key is public. The authorities' keys are thrown away.
#   ca.pem       an authority            other.pem    another one
#   server.pem   of ca.pem, for pbx.test, localhost and 127.0.0.1
#   expired.pem  the same, but it ended in 2011
#   server.key   the key of both
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

cat >"$work/openssl.cnf" <<END
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:false
subjectAltName = DNS:pbx.test, DNS:localhost, IP:127.0.0.1
[ca]
default_ca = here
[here]
new_certs_dir = $work
database = $work/index
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
email_in_dn = no
[any]
commonName = supplied
END
: >"$work/index"

# authority NAME SUBJECT
authority() {
    key "$work/$1.key"
    openssl req -new -config "$work/openssl.cnf" -key "$work/$1.key" -subj "/CN=$2" -out "$work/$1.csr"
    openssl ca -batch -notext -config "$work/openssl.cnf" -extensions authority -selfsign -keyfile "$work/$1.key" \
        -startdate 20000101000000Z -enddate 20991231235959Z -in "$work/$1.csr" -out "$1.pem"
}

# server NAME END
server() {
    openssl req -new -config "$work/openssl.cnf" -key server.key -subj "/CN=pbx.test" -out "$work/$1.csr"
    openssl ca -batch -notext -config "$work/openssl.cnf" -extensions server -cert ca.pem -keyfile "$work/ca.key" \
        -startdate 20000101000000Z -enddate "$2" -in "$work/$1.csr" -out "$1.pem"
}

authority ca "siplet test authority"
authority other "another test authority"
key server.key
server server 20991231235959Z
server expired 20110101000000Z
