# syntax=docker/dockerfile:1

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-deps --require-hashes --only-binary :all: \
        -r /tmp/runtime.txt


FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="webhooks-platform" \
      org.opencontainers.image.description="Self-hosted outbound webhook delivery" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin webhooks \
    && install -d -o webhooks -g webhooks -m 0700 /run/metrics
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=webhooks_platform.settings \
    PROMETHEUS_MULTIPROC_DIR=/run/metrics \
    WEBHOOKS_ENV=production
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY manage.py CHANGELOG.md ./
COPY webhooks_platform webhooks_platform
COPY endpoints endpoints
COPY deliveries deliveries
# Collecting files needs no keys and no stores; production would ask for both. The code stays
# root's: the user it runs as can change nothing of it.
RUN env -u PROMETHEUS_MULTIPROC_DIR WEBHOOKS_ENV=development \
        python manage.py collectstatic --no-input \
    && python -m compileall -q webhooks_platform endpoints deliveries
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
