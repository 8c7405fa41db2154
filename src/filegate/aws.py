"""boto3's errors as errors with advice."""

from __future__ import annotations

from botocore import exceptions as aws

from filegate.errors import FilegateError, NoCloud

AwsError = (aws.BotoCoreError, aws.ClientError)
"""Every error of boto3 and its clients."""


_BAD_CREDENTIALS = (
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_FORBIDDEN = ("403", "AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDeniedException")
_ADVICE_BY_CODE = {
    **dict.fromkeys(_BAD_CREDENTIALS, "Sign in again (for example `aws sso login`), or set AWS_PROFILE."),
    **dict.fromkeys(_FORBIDDEN, "Ask for that permission, or choose another AWS_PROFILE."),
}
_ADVICE_BY_CLASS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.CredentialRetrievalError,
            aws.SSOError,
            aws.TokenRetrievalError,
            aws.NoAuthTokenError,
        ),
        "Set AWS_PROFILE, or sign in with `aws sso login` or `aws configure`.",
    ),
    ((aws.ProfileNotFound,), "See the names with `aws configure list-profiles`, and set AWS_PROFILE."),
    ((aws.NoRegionError,), "Set AWS_REGION, or a region in the profile."),
    ((aws.HTTPClientError, aws.ConnectionError), "Check the network, and AWS_ENDPOINT_URL if it is set."),
)


def explained(error: aws.BotoCoreError | aws.ClientError) -> FilegateError:
    """boto3's error with advice; its message is kept, as it names the service, the action or the endpoint."""
    problem = str(error).rstrip(".") + "."
    if isinstance(error, aws.ClientError):
        advice = _ADVICE_BY_CODE.get(error.response.get("Error", {}).get("Code", ""))
    else:
        advice = next((advice for classes, advice in _ADVICE_BY_CLASS if isinstance(error, classes)), None)
    return FilegateError(problem) if advice is None else NoCloud(problem, advice=advice)
