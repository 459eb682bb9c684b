FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements/uv.txt requirements/base.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv venv /opt/venv \
    && uv pip sync --no-cache --compile-bytecode --require-hashes --python /opt/venv/bin/python requirements/base.txt
COPY . .
# The static files belong to the image. What settings ask for besides is not used by this step and not kept.
RUN DATABASE_URL=postgres://build@localhost/build CELERY_BROKER_URL=amqp://localhost// \
    SECRET_KEY=build FIELD_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    STATIC_ROOT=/app/static /opt/venv/bin/python -m config.prepare static

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 igny8 && install -d -o igny8 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=igny8 /app /app
WORKDIR /app
USER igny8
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/app/static MEDIA_ROOT=/data/media \
    GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000 GRANIAN_WORKERS=2 GRANIAN_BLOCKING_THREADS=4 \
    GRANIAN_BLOCKING_THREADS_IDLE_TIMEOUT=600 GRANIAN_RESPAWN_FAILED_WORKERS=true GRANIAN_WORKERS_KILL_TIMEOUT=30
VOLUME /data
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "config.wsgi:application"]
