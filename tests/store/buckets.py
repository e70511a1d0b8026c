"""The buckets of a test server as researchers open them: by pyarrow's own S3 client, and by DuckDB through it."""

import configparser
from urllib.parse import urlsplit

import duckdb
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs

from config.settings import S3Options


def bucket_of(options: S3Options) -> fs.S3FileSystem:
    """Open a server with the credentials of its file."""
    credentials = configparser.ConfigParser()
    credentials.read(str(options.credentials_file))
    endpoint = urlsplit(str(options.endpoint_url))
    return fs.S3FileSystem(
        access_key=credentials["default"]["aws_access_key_id"],
        secret_key=credentials["default"]["aws_secret_access_key"],
        endpoint_override=endpoint.netloc,
        scheme=endpoint.scheme,
    )


def duckdb_at(bucket: fs.S3FileSystem) -> duckdb.DuckDBPyConnection:
    """Give a DuckDB that reads ``s3://`` addresses of that server; its extension httpfs would have to be fetched."""
    database = duckdb.connect()
    database.register_filesystem(ArrowFSWrapper(bucket))
    return database
