"""Files in a bucket: the images of an article, through a server that speaks S3."""

import hashlib

import boto3
import pytest
from django.core.files.storage import default_storage
from moto.server import ThreadedMotoServer

from apps.intelligence.services import UpstreamFailed
from apps.writer.models import Image
from apps.writer.services.content import content_delete
from apps.writer.services.images import image_generate
from tests.factories.writer import ContentFactory, ImageFactory

pytestmark = pytest.mark.django_db
FILE = "/api/v1/writer/images/file/"


@pytest.fixture
def bucket(settings):
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    access = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    bucket = boto3.resource("s3", **access, **keys).create_bucket(Bucket="media")
    options = {**settings.MEDIA_S3, **access, "bucket_name": "media", "location": "igny8"}
    options |= {"access_key": "k", "secret_key": "s"}
    s3 = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": s3}
    yield bucket
    server.stop()


def names(bucket) -> set[str]:
    return {row.key for row in bucket.objects.all()}


def test_images_in_a_bucket(alice, bob, bucket, django_capture_on_commit_callbacks):
    image = ImageFactory(content=ContentFactory(site=alice.site))
    image_generate(account_id=alice.account.pk, image_id=image.pk, reference="i")
    image.refresh_from_db()
    assert names(bucket) == {f"igny8/{name}" for name in image.files} and len(image.files) == 9
    answer = alice.client.get(f"{FILE}?id={image.pk}")
    data = b"".join(answer.streaming_content)
    assert hashlib.sha256(data).hexdigest() == image.sha256
    assert alice.client.get(f"{FILE}?id={image.pk}", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    small = alice.client.get(f"{FILE}?id={image.pk}&size=400&format=webp")
    assert small["Content-Type"] == "image/webp" and b"".join(small.streaming_content)[8:12] == b"WEBP"
    head = alice.client.head(f"{FILE}?id={image.pk}")
    assert int(head["Content-Length"]) == len(data) and not head.content
    assert bob.client.get(f"{FILE}?id={image.pk}").status_code == 404

    old = names(bucket)
    with django_capture_on_commit_callbacks(execute=True):
        image_generate(
            account_id=alice.account.pk, image_id=image.pk, reference="j", prompt="A cup", anew=True
        )
    image.refresh_from_db()
    assert names(bucket) == {f"igny8/{name}" for name in image.files} and not names(bucket) & old
    default_storage.delete(image.file.name)
    assert alice.client.get(f"{FILE}?id={image.pk}").status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        content_delete(account_id=alice.account.pk, content_id=image.content_id)
    assert names(bucket) == set()


def test_what_llmock_draws_is_no_picture(alice, bucket, llm, settings, ai_models, monkeypatch):
    """An SVG as a data URL, which is a program in a picture's clothes."""
    monkeypatch.setattr(
        "tests.e2e_real.llm._picture",
        lambda body: (
            b'{"created": 1, "data": [{"url": "data:image/svg+xml;utf8,<svg onload=\'alert(1)\'/>"}]}'
        ),
    )
    llm.use(settings)
    image = ImageFactory(content=ContentFactory(site=alice.site))
    with pytest.raises(UpstreamFailed, match="SVG"):
        image_generate(account_id=alice.account.pk, image_id=image.pk, reference="i")
    assert names(bucket) == set() and Image.objects.get().status == "failed"
