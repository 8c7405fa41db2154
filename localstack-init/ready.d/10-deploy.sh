#!/bin/sh
# Deploys Filegate's templates. A failure shows in LocalStack's log, in its health, and in what `make up` prints.
set -eu
export AWS_ENDPOINT_URL=http://localhost:4566 AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test # any will do
failure=/tmp/deploy-failure.txt
if ! python3 /etc/localstack/init/deploy.py 2>$failure; then
    cat $failure >&2
    exit 1
fi
